// PairingService on the wire (proto/musubi/v1/pairing.proto). Translates; the rules are in
// lib/prelink/pairings.h.
#ifndef MUSUBI_SERVICES_PAIRING_PAIRING_SERVICE_H_
#define MUSUBI_SERVICES_PAIRING_PAIRING_SERVICE_H_

#include "lib/base/timer.h"
#include "lib/base/worker_pool.h"
#include "lib/prelink/pairings.h"
#include "lib/prelink/sessions.h"
#include "lib/rpc/calls.h"
#include "musubi/v1/pairing.grpc.pb.h"

namespace musubi::services::pairing {

// PairingService is thread-safe. What it refers to must outlive the server.
class PairingService final : public v1::PairingService::CallbackService {
 public:
  struct Dependencies {
    rpc::Calls& calls;
    const prelink::PairingUseCases& pairings;
    const prelink::SessionUseCases& sessions;  // For changes while a QR is watched.
    base::Timer& timer;                        // For the next frame.
    base::WorkerPool& workers;                 // Make it. May end after the service.
  };

  explicit PairingService(Dependencies dependencies) : dependencies_(dependencies) {}

  grpc::ServerUnaryReactor* GetQrFrame(grpc::CallbackServerContext* context,
                                       const v1::GetQrFrameRequest* request,
                                       v1::GetQrFrameResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchQrFramesResponse>* WatchQrFrames(
      grpc::CallbackServerContext* context, const v1::WatchQrFramesRequest* request) override;
  grpc::ServerUnaryReactor* ClaimQr(grpc::CallbackServerContext* context,
                                    const v1::ClaimQrRequest* request,
                                    v1::ClaimQrResponse* response) override;
  grpc::ServerUnaryReactor* RefreshQr(grpc::CallbackServerContext* context,
                                      const v1::RefreshQrRequest* request,
                                      v1::RefreshQrResponse* response) override;
  grpc::ServerUnaryReactor* RefreshCode(grpc::CallbackServerContext* context,
                                        const v1::RefreshCodeRequest* request,
                                        v1::RefreshCodeResponse* response) override;
  grpc::ServerUnaryReactor* ConfirmCode(grpc::CallbackServerContext* context,
                                        const v1::ConfirmCodeRequest* request,
                                        v1::ConfirmCodeResponse* response) override;
  grpc::ServerUnaryReactor* CreateHandoff(grpc::CallbackServerContext* context,
                                          const v1::CreateHandoffRequest* request,
                                          v1::CreateHandoffResponse* response) override;
  grpc::ServerUnaryReactor* ClaimHandoff(grpc::CallbackServerContext* context,
                                         const v1::ClaimHandoffRequest* request,
                                         v1::ClaimHandoffResponse* response) override;
  grpc::ServerUnaryReactor* RefreshReturnCode(grpc::CallbackServerContext* context,
                                              const v1::RefreshReturnCodeRequest* request,
                                              v1::RefreshReturnCodeResponse* response) override;
  grpc::ServerUnaryReactor* CompleteReturn(grpc::CallbackServerContext* context,
                                           const v1::CompleteReturnRequest* request,
                                           v1::CompleteReturnResponse* response) override;

 private:
  Dependencies dependencies_;
};

}  // namespace musubi::services::pairing

#endif  // MUSUBI_SERVICES_PAIRING_PAIRING_SERVICE_H_
