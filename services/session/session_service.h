// SessionService on the wire (proto/musubi/v1/session.proto). Translates; the rules are in
// lib/prelink/sessions.h.
#ifndef MUSUBI_SERVICES_SESSION_SESSION_SERVICE_H_
#define MUSUBI_SERVICES_SESSION_SESSION_SERVICE_H_

#include "lib/base/timer.h"
#include "lib/base/worker_pool.h"
#include "lib/prelink/sessions.h"
#include "lib/rpc/calls.h"
#include "musubi/v1/session.grpc.pb.h"

namespace musubi::services::session {

// SessionService is thread-safe. What it refers to must outlive the server.
class SessionService final : public v1::SessionService::CallbackService {
 public:
  struct Dependencies {
    rpc::Calls& calls;
    const prelink::SessionUseCases& sessions;
    base::Timer& timer;         // Tells watchers that a session's time is over.
    base::WorkerPool& workers;  // Look for watchers. May end after the service.
  };

  explicit SessionService(Dependencies dependencies) : dependencies_(dependencies) {}

  grpc::ServerUnaryReactor* CreateSession(grpc::CallbackServerContext* context,
                                          const v1::CreateSessionRequest* request,
                                          v1::CreateSessionResponse* response) override;
  grpc::ServerUnaryReactor* ClaimStart(grpc::CallbackServerContext* context,
                                       const v1::ClaimStartRequest* request,
                                       v1::ClaimStartResponse* response) override;
  grpc::ServerUnaryReactor* GetSession(grpc::CallbackServerContext* context,
                                       const v1::GetSessionRequest* request,
                                       v1::GetSessionResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchSessionResponse>* WatchSession(
      grpc::CallbackServerContext* context, const v1::WatchSessionRequest* request) override;
  grpc::ServerUnaryReactor* BindAccount(grpc::CallbackServerContext* context,
                                        const v1::BindAccountRequest* request,
                                        v1::BindAccountResponse* response) override;
  grpc::ServerUnaryReactor* CancelSession(grpc::CallbackServerContext* context,
                                          const v1::CancelSessionRequest* request,
                                          v1::CancelSessionResponse* response) override;

 private:
  Dependencies dependencies_;
};

}  // namespace musubi::services::session

#endif  // MUSUBI_SERVICES_SESSION_SESSION_SERVICE_H_
