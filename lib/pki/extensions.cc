#include "lib/pki/extensions.h"

#include <algorithm>
#include <utility>

#include "lib/pki/der.h"

namespace musubi::pki {

std::optional<std::vector<Extension>> ReadExtensions(base::ByteView content) {
  std::vector<Extension> extensions;
  DerReader reader(content);
  if (reader.done()) return std::nullopt;
  while (!reader.done()) {
    const auto element = reader.Read(der_tag::kSequence);
    if (!element || extensions.size() == kMaxListedExtensions) return std::nullopt;
    DerReader parts(element->content);
    const auto oid = parts.Read(der_tag::kOid);
    auto text = oid ? OidText(oid->content) : std::nullopt;
    if (!text) return std::nullopt;
    Extension extension{*std::move(text), false, {}};
    if (parts.Next(der_tag::kBoolean)) {
      const auto critical = parts.Read();
      // DEFAULT FALSE: DER writes only TRUE.
      if (!critical || critical->content.size() != 1 || critical->content[0] != 0xff) {
        return std::nullopt;
      }
      extension.critical = true;
    }
    const auto value = parts.Read(der_tag::kOctetString);
    if (!value || !parts.done()) return std::nullopt;
    extension.value = value->content;
    if (std::ranges::any_of(extensions,
                            [&](const Extension& e) { return e.oid == extension.oid; })) {
      return std::nullopt;
    }
    extensions.push_back(std::move(extension));
  }
  return extensions;
}

}  // namespace musubi::pki
