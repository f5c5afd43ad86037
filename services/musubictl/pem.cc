#include "services/musubictl/pem.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "lib/base/encoding.h"

namespace musubi::services::musubictl {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kDashes = "-----";

absl::Status Broken(std::string_view label, std::string_view what) {
  return absl::InvalidArgumentError("PEM block \"" + std::string(label) +
                                    "\": " + std::string(what));
}

}  // namespace

absl::StatusOr<std::vector<base::Bytes>> ReadPemOrDer(base::Bytes octets, std::string_view label) {
  const std::string_view content = base::AsText(octets);
  size_t at = content.find(kBegin);
  if (at == std::string_view::npos) {
    std::vector<base::Bytes> whole;
    whole.push_back(std::move(octets));
    return whole;
  }
  std::vector<base::Bytes> blocks;
  std::string others;
  for (; at != std::string_view::npos; at = content.find(kBegin, at)) {
    at += kBegin.size();
    const size_t label_end = content.find(kDashes, at);
    if (label_end == std::string_view::npos) return Broken("", "BEGIN without its dashes");
    const std::string_view found = content.substr(at, label_end - at);
    const size_t body = label_end + kDashes.size();
    const size_t end = content.find("-----END " + std::string(found) + "-----", body);
    if (end == std::string_view::npos) return Broken(found, "no END: is the file cut off?");
    at = end;
    if (found != label) {
      others += " \"" + std::string(found) + "\"";
      continue;
    }
    std::string base64(content.substr(body, end - body));
    std::erase_if(base64, [](unsigned char c) { return std::isspace(c) != 0; });
    auto der = base::Base64Decode(base64);
    if (!der.ok()) return Broken(found, "not base64");
    blocks.push_back(*std::move(der));
  }
  if (blocks.empty()) return Broken(label, "not in the file, which has" + others);
  return blocks;
}

}  // namespace musubi::services::musubictl
