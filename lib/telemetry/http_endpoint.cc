#include "lib/telemetry/http_endpoint.h"

#include <civetweb.h>

#include <string_view>
#include <utility>

namespace musubi::telemetry {
namespace {

// One scraper and one probe at a time, and one of each that hangs.
constexpr char kThreads[] = "4";
// A client that neither sends nor reads gives its thread back.
constexpr char kRequestTimeoutMs[] = "5000";
// No request of ours has a body or long headers.
constexpr char kMaxRequestSize[] = "4096";

void Send(mg_connection* connection, const HttpEndpoint::Answer& answer, bool head) {
  mg_response_header_start(connection, answer.status_code);
  mg_response_header_add(connection, "Content-Type", answer.content_type.c_str(), -1);
  const std::string length = std::to_string(answer.body.size());
  mg_response_header_add(connection, "Content-Length", length.c_str(), -1);
  mg_response_header_add(connection, "Cache-Control", "no-store", -1);
  mg_response_header_send(connection);
  if (!head) mg_write(connection, answer.body.data(), answer.body.size());
}

}  // namespace

struct HttpEndpoint::Server {
  ~Server() {
    if (context != nullptr) mg_stop(context);
  }

  static int OnRequest(mg_connection* connection, void* user) {
    const auto& server = *static_cast<const Server*>(user);
    const mg_request_info& request = *mg_get_request_info(connection);
    const std::string_view method = request.request_method;
    const auto route = server.routes.find(request.local_uri);
    if (route == server.routes.end()) {
      Send(connection, {404, "text/plain", "no such path\n"}, method == "HEAD");
    } else if (method != "GET" && method != "HEAD") {
      Send(connection, {405, "text/plain", "GET only\n"}, false);
    } else {
      Send(connection, route->second(), method == "HEAD");
    }
    return 1;
  }

  Routes routes;
  mg_context* context = nullptr;
};

HttpEndpoint::HttpEndpoint(std::unique_ptr<Server> server, int port)
    : server_(std::move(server)), port_(port) {}
HttpEndpoint::~HttpEndpoint() = default;

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Create(const std::string& address,
                                                                   Routes routes) {
  auto server = std::make_unique<Server>();
  server->routes = std::move(routes);
  const char* options[] = {"listening_ports",
                           address.c_str(),
                           "num_threads",
                           kThreads,
                           "request_timeout_ms",
                           kRequestTimeoutMs,
                           "max_request_size",
                           kMaxRequestSize,
                           "enable_keep_alive",
                           "no",
                           nullptr};
  const mg_callbacks callbacks{};
  server->context = mg_start(&callbacks, nullptr, options);
  mg_server_port port{};
  if (server->context == nullptr || mg_get_server_ports(server->context, 1, &port) != 1) {
    return absl::UnavailableError("cannot listen on " + address +
                                  ": is another process using the port? Stop it or choose another");
  }
  mg_set_request_handler(server->context, "**", &Server::OnRequest, server.get());
  return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(std::move(server), port.port));
}

}  // namespace musubi::telemetry
