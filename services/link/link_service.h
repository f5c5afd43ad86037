// LinkService on the wire (proto/musubi/v1/link.proto). Translates; the rules are in
// lib/prelink/links.h.
#ifndef MUSUBI_SERVICES_LINK_LINK_SERVICE_H_
#define MUSUBI_SERVICES_LINK_LINK_SERVICE_H_

#include "lib/prelink/links.h"
#include "lib/rpc/calls.h"
#include "musubi/v1/link.grpc.pb.h"

namespace musubi::services::link {

// LinkService is thread-safe. What it refers to must outlive the server.
class LinkService final : public v1::LinkService::CallbackService {
 public:
  struct Dependencies {
    rpc::Calls& calls;
    const prelink::LinkUseCases& links;
  };

  explicit LinkService(Dependencies dependencies) : dependencies_(dependencies) {}

  grpc::ServerUnaryReactor* CreateLink(grpc::CallbackServerContext* context,
                                       const v1::CreateLinkRequest* request,
                                       v1::CreateLinkResponse* response) override;
  grpc::ServerUnaryReactor* GetLink(grpc::CallbackServerContext* context,
                                    const v1::GetLinkRequest* request,
                                    v1::GetLinkResponse* response) override;
  grpc::ServerUnaryReactor* ListLinks(grpc::CallbackServerContext* context,
                                      const v1::ListLinksRequest* request,
                                      v1::ListLinksResponse* response) override;
  grpc::ServerUnaryReactor* DeleteLink(grpc::CallbackServerContext* context,
                                       const v1::DeleteLinkRequest* request,
                                       v1::DeleteLinkResponse* response) override;
  grpc::ServerUnaryReactor* ResolveLink(grpc::CallbackServerContext* context,
                                        const v1::ResolveLinkRequest* request,
                                        v1::ResolveLinkResponse* response) override;
  grpc::ServerUnaryReactor* ListLinkEvents(grpc::CallbackServerContext* context,
                                           const v1::ListLinkEventsRequest* request,
                                           v1::ListLinkEventsResponse* response) override;

 private:
  Dependencies dependencies_;
};

}  // namespace musubi::services::link

#endif  // MUSUBI_SERVICES_LINK_LINK_SERVICE_H_
