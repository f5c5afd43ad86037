// Messages as text for a log, without what a log must not hold.
#ifndef MUSUBI_LIB_RPC_REDACT_H_
#define MUSUBI_LIB_RPC_REDACT_H_

#include <string>

namespace google::protobuf {
class Message;
}

namespace musubi::rpc {

// Redact writes `message` as one line of JSON without the fields that are marked personal_data or
// secret (musubi/v1/options.proto), at any depth, and without unknown fields. Never fails: what
// cannot be written is "{}".
std::string Redact(const google::protobuf::Message& message);

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_REDACT_H_
