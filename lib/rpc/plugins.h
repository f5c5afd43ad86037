// Which of gRPC's own services a server of ours has beside those that it is given. For lib/rpc's
// servers alone.
#ifndef MUSUBI_LIB_RPC_PLUGINS_H_
#define MUSUBI_LIB_RPC_PLUGINS_H_

#include <grpcpp/impl/server_builder_option.h>

#include <memory>
#include <vector>

namespace musubi::rpc {

// Reflection and channelz, on or off for one server. gRPC turns reflection on for every server of a
// process that merely links it, and channelz for every server after the first that wants it, so
// that off means to take them out.
class Plugins final : public grpc::ServerBuilderOption {
 public:
  Plugins(bool reflection, bool channelz) : reflection_(reflection), channelz_(channelz) {}
  void UpdateArguments(grpc::ChannelArguments* arguments) override;
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override;

 private:
  const bool reflection_;
  const bool channelz_;
};

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_PLUGINS_H_
