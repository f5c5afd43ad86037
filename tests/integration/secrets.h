// What must be found nowhere: the values of everything that a party sent or received in a field
// that the contract marks as secret or personal, and of the cards; and the search for them.
#ifndef MUSUBI_TESTS_INTEGRATION_SECRETS_H_
#define MUSUBI_TESTS_INTEGRATION_SECRETS_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "lib/base/bytes.h"
#include "lib/base/mutex.h"

namespace google::protobuf {
class Message;
}

namespace musubi::integration {

// Secrets is thread-safe.
class Secrets {
 public:
  // Adds every marked field of the message (musubi/v1/options.proto), at any depth, but for
  // pseudonyms, which docs/privacy.md allows in plain.
  void AddMarked(const google::protobuf::Message& message);
  // Adds serial, common name and the certificate itself.
  void AddCertificate(base::ByteView der);
  // Adds one value. Shorter ones than kShortest are left out: they would be found everywhere.
  void Add(const std::string& what, std::string_view value);

  static constexpr size_t kShortest = 4;

  // What is found in `text`, as "WHAT FORM", each once. The forms are: as it is, hexadecimal of
  // either case, base64 of either alphabet. Digits, also hexadecimal ones, count only as a word of
  // their own if they are fewer than kUnmistakable: chance would find six of them within a longer
  // number.
  std::vector<std::string> FindIn(std::string_view text) const;

  static constexpr size_t kUnmistakable = 12;

  size_t size() const;

 private:
  void AddForm(const std::string& what, const char* form, std::string value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  struct Needle {
    std::string value;
    std::string name;
  };

  mutable base::Mutex mutex_;
  size_t values_ ABSL_GUARDED_BY(mutex_) = 0;
  // Needles by their first eight octets; those that have no eight; and words, by the whole of them.
  std::multimap<std::string, Needle, std::less<>> long_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string, std::less<>> short_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string, std::less<>> words_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::integration

#endif  // MUSUBI_TESTS_INTEGRATION_SECRETS_H_
