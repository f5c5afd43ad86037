// Two threads add to a counter with no lock. ThreadSanitizer must name the marked line: if it
// does not, a green run of the core under it proves nothing.
#include <thread>

namespace {

int counter = 0;

void AddMany() {
  for (int i = 0; i < 10000; ++i) {
    ++counter;  // PLANTED RACE
  }
}

}  // namespace

int main() {
  std::thread first(AddMany);
  std::thread second(AddMany);
  first.join();
  second.join();
  return 0;
}
