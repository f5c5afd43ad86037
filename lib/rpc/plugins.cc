#include "lib/rpc/plugins.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/support/channel_arguments.h>

#include <string>

namespace musubi::rpc {
namespace {

// What gRPC's plugin for channelz is called; the class itself is not in a header.
constexpr char kChannelzPlugin[] = "channelz_service";

}  // namespace

void Plugins::UpdateArguments(grpc::ChannelArguments* arguments) {
  arguments->SetInt(GRPC_ARG_ENABLE_CHANNELZ, channelz_ ? 1 : 0);
}

void Plugins::UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) {
  auto reflection = std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>();
  const std::string name = reflection->name();
  std::erase_if(*plugins, [&](const auto& plugin) {
    return plugin->name() == name || (!channelz_ && plugin->name() == kChannelzPlugin);
  });
  if (reflection_) plugins->push_back(std::move(reflection));
}

}  // namespace musubi::rpc
