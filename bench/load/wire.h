// Protobuf's wire format (https://protobuf.dev/programming-guides/encoding), as much of it as a
// load generator needs that must cost little: one pass over the fields of a message, no copy. Knows
// no message.
#ifndef MUSUBI_BENCH_LOAD_WIRE_H_
#define MUSUBI_BENCH_LOAD_WIRE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace musubi::bench::load {

// WireReader goes through the fields of one message, which must outlive it.
//
//   WireReader reader(message);
//   while (reader.Next()) { if (reader.field() == 1) ... reader.octets() ... }
//   if (!reader.ok()) ...
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}

  // Next goes on to the next field: false after the last one, or at octets that are no field.
  bool Next();
  bool ok() const { return ok_; }

  uint32_t field() const { return field_; }
  // The value of a varint; 0 if the field is none.
  uint64_t number() const { return number_; }
  // The value of a string, bytes or message; empty if the field is none.
  std::string_view octets() const { return octets_; }

 private:
  bool ReadVarint(uint64_t& value);
  bool Skip(size_t size);

  std::string_view rest_;
  bool ok_ = true;
  uint32_t field_ = 0;
  uint64_t number_ = 0;
  std::string_view octets_;
};

void AppendVarint(uint64_t value, std::string& out);
// AppendOctets writes field `field` (1 to 15) as a string, bytes or message.
void AppendOctets(uint32_t field, std::string_view octets, std::string& out);
// AppendNumber writes field `field` (1 to 15) as a varint; nothing if it is 0.
void AppendNumber(uint32_t field, uint64_t number, std::string& out);

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_WIRE_H_
