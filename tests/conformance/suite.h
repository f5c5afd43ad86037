// One suite of vectors that others wrote, run against us: every case is as its author says, or is
// listed with a reason in exceptions.json. What each suite found goes to a results folder, from
// which scripts/gen_conformance.py makes docs/conformance.md.
//
//   TEST(Pkits, AgreesOnEveryCase) {
//     const auto manifest = VectorFile("pkits/manifest.json");
//     if (!manifest.has_value()) return;  // Said so loudly already.
//     Suite suite("pkits", "rfc5280");
//     ... suite.Case("4.1.2", "invalid", actual, diagnostic);
//     suite.Finish();
//   }
#ifndef MUSUBI_TESTS_CONFORMANCE_SUITE_H_
#define MUSUBI_TESTS_CONFORMANCE_SUITE_H_

#include <map>
#include <set>
#include <string>
#include <vector>

namespace musubi::conformance {

// Where our answer differs from a suite's for a reason.
struct Exception {
  std::string id;  // SUITE/ID.
  std::string expected;
  std::string actual;
  std::string reason;
};

// Tally compares the cases of one suite with what is expected and listed. Not thread-safe.
class Tally {
 public:
  Tally(std::string suite, const std::vector<Exception>& exceptions);

  // See Suite::Case.
  void Case(const std::string& id, const std::string& expected, const std::string& actual,
            const std::string& diagnostic = {});

  // What is wrong so far, one line each: a difference that is not listed, an exception that differs
  // no longer or otherwise, one whose case does not exist, an id that came twice, no case at all.
  std::vector<std::string> Problems() const;

  const std::string& suite() const { return suite_; }
  size_t cases() const { return seen_.size(); }
  int as_expected() const { return as_expected_; }
  const std::map<std::string, int>& exceptions_by_reason() const { return exceptions_by_reason_; }

 private:
  struct Listed {
    Exception exception;
    bool met = false;
  };

  std::string suite_;
  std::map<std::string, Listed, std::less<>> exceptions_;  // By id without the suite.
  std::set<std::string, std::less<>> seen_;
  std::vector<std::string> problems_;
  int as_expected_ = 0;
  std::map<std::string, int> exceptions_by_reason_;
};

// Suite is the Tally of a running test, with the exceptions of exceptions.json.
class Suite {
 public:
  // `profile` is the name of the one ValidationProfile that every case runs under, or "none" if
  // nothing of the kind applies.
  Suite(std::string name, std::string profile);
  // Dies unless Finish was called: a suite that nobody reads proves nothing.
  ~Suite();
  Suite(const Suite&) = delete;
  Suite& operator=(const Suite&) = delete;

  // Case notes one case: what its author expects and what we said, in the suite's own words
  // ("valid", "revoked"). `diagnostic` is shown when they differ without being listed.
  void Case(const std::string& id, const std::string& expected, const std::string& actual,
            const std::string& diagnostic = {}) {
    tally_.Case(id, expected, actual, diagnostic);
  }

  // Finish fails the running test for each problem, prints the counts, and writes them to the
  // folder MUSUBI_CONFORMANCE_RESULTS, if that is set.
  void Finish();

 private:
  const std::string profile_;
  Tally tally_;
  bool finished_ = false;
};

}  // namespace musubi::conformance

#endif  // MUSUBI_TESTS_CONFORMANCE_SUITE_H_
