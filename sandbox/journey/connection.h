// A gRPC channel to musubid in one role, and the way to call over it: deadline, credential, role,
// and errors as they were on the server. Not for the parties' manners: see parties.h.
#ifndef MUSUBI_SANDBOX_JOURNEY_CONNECTION_H_
#define MUSUBI_SANDBOX_JOURNEY_CONNECTION_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/rpc/error_mapping.h"

namespace google::protobuf {
class Message;
}

namespace musubi::sandbox {

// Deadline of every call but watches: within what the server allows.
inline constexpr absl::Duration kCallDeadline = absl::Seconds(8);

// Connection is thread-safe.
class Connection {
 public:
  struct Options {
    std::string server;  // "HOST:PORT"
    // "front" or "relying-party/ID".
    std::string role;
    // Folder with ca.crt and this role's pair (tls_files.h). Empty: plaintext on loopback, and the
    // role is stated in the metadata.
    std::string tls_directory;
  };
  // `clock` is the machine's, for deadlines, and outlives the connection. Does not wait for the
  // server. A file error names the file.
  static absl::StatusOr<std::unique_ptr<Connection>> Create(const base::Clock& clock,
                                                            const Options& options);
  // Over takes a channel that exists, as tests have; `role` is stated in the metadata.
  static std::unique_ptr<Connection> Over(const base::Clock& clock,
                                          std::shared_ptr<grpc::Channel> channel, std::string role);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // Hears of every message that Call sends or receives, and of every error; from any thread. For
  // whoever looks afterwards where their contents have come to.
  struct Listener {
    std::function<void(const google::protobuf::Message&)> on_message;
    std::function<void(const absl::Status&)> on_error;
  };
  // Set before the first call. Calls of streams are not heard.
  void Listen(Listener listener) { listener_ = std::move(listener); }

  // Patience is for whoever calls over a bad network. Call then gives each try `deadline`, and asks
  // `again`, on the caller's thread, after each try that failed: true sends the same message, and
  // so the same request id, once more.
  struct Patience {
    absl::Duration deadline = kCallDeadline;
    std::function<bool(const absl::Status&, absl::Duration)> again;
  };
  // Set before the first call.
  void BePatient(Patience patience) { patience_ = std::move(patience); }

  // Prepare sets what every call carries. `credential` is the octets of a browser or device
  // credential, or empty.
  void Prepare(grpc::ClientContext& context, const std::string& credential,
               absl::Duration deadline = kCallDeadline) const;

  // Call runs one unary method of Service, and returns its answer or the server's Status with
  // reason and metadata (rpc::FromGrpc).
  template <typename Service, typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Service::Stub::*method)(grpc::ClientContext*,
                                                                      const Request&, Response*),
                                const Request& request, const std::string& credential) const {
    const auto stub = Service::NewStub(channel_);
    const absl::Time began = clock_.Now();
    while (true) {
      grpc::ClientContext context;
      Prepare(context, credential, patience_.deadline);
      Response response;
      if (listener_.on_message) listener_.on_message(request);
      const absl::Status status =
          rpc::FromGrpc((stub.get()->*method)(&context, request, &response));
      if (status.ok()) {
        if (listener_.on_message) listener_.on_message(response);
        return response;
      }
      if (listener_.on_error) listener_.on_error(status);
      if (!patience_.again || !patience_.again(status, clock_.Now() - began)) return status;
    }
  }

  // CallRaw runs any method ("/musubi.v1.LinkService/GetLink"), unary or streaming, with one
  // request message, and returns how it ended. What `context` carries is the caller's: see Prepare.
  // A stream is given up after its first answer, as OK.
  absl::Status CallRaw(const std::string& method, const std::string& request,
                       grpc::ClientContext& context) const;

 private:
  Connection(const base::Clock& clock, std::shared_ptr<grpc::Channel> channel,
             std::optional<std::string> stated_role)
      : clock_(clock), channel_(std::move(channel)), stated_role_(std::move(stated_role)) {}

  const base::Clock& clock_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::optional<std::string> stated_role_;
  Listener listener_;
  Patience patience_;
};

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_JOURNEY_CONNECTION_H_
