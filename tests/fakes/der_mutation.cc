#include "tests/fakes/der_mutation.h"

#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include "lib/pki/der.h"

namespace musubi::fakes {
namespace {

using base::Bytes;
using base::ByteView;

struct Node {
  uint8_t tag = 0;
  Bytes content;               // Of a leaf.
  std::vector<Node> children;  // Of what holds elements; an OCTET STRING may.
  bool long_length = false;    // One octet longer than DER has it.
};

// Nothing if the octets are not elements.
bool ReadNodes(ByteView octets, std::vector<Node>& out) {
  for (pki::DerReader reader(octets); !reader.done();) {
    const auto element = reader.Read();
    if (!element) return false;
    Node node{.tag = element->tag};
    const bool constructed = (element->tag & 0x20) != 0;
    const bool may_hold = constructed || element->tag == pki::der_tag::kOctetString;
    if (!may_hold || element->content.empty() || !ReadNodes(element->content, node.children)) {
      node.children.clear();
      node.content = base::ToBytes(element->content);
    }
    out.push_back(std::move(node));
  }
  return true;
}

void Write(const Node& node, Bytes& out) {
  Bytes content = node.content;
  for (const Node& child : node.children) Write(child, content);
  out.push_back(node.tag);
  Bytes length;
  for (size_t rest = content.size(); rest > 0; rest >>= 8) {
    length.insert(length.begin(), static_cast<uint8_t>(rest));
  }
  if (node.long_length) length.insert(length.begin(), 0);
  if (content.size() >= 0x80 || node.long_length) {
    out.push_back(static_cast<uint8_t>(0x80 | length.size()));
    base::Append(out, length);
  } else {
    out.push_back(static_cast<uint8_t>(content.size()));
  }
  base::Append(out, content);
}

// The place of a node: the list that holds it, and where.
struct Place {
  std::vector<Node>* list;
  size_t index;
};

void Collect(std::vector<Node>& list, std::vector<Place>& out) {
  for (size_t i = 0; i < list.size(); ++i) {
    out.push_back({&list, i});
    Collect(list[i].children, out);
  }
}

size_t Below(std::mt19937_64& random, size_t bound) { return random() % bound; }

void ChangeContent(Bytes& content, std::mt19937_64& random) {
  const auto octet = static_cast<uint8_t>(random());
  const auto at = content.begin() + static_cast<ptrdiff_t>(Below(random, content.size() + 1));
  switch (Below(random, 4)) {
    case 0:
      content.insert(at, octet);
      break;
    case 1:
      if (at != content.end()) content.erase(at);
      break;
    case 2:
      if (at != content.end()) *at = octet;
      break;
    default:
      if (at != content.end()) *at = static_cast<uint8_t>(*at ^ (1U << Below(random, 8)));
  }
}

void Mutate(const Place& place, std::mt19937_64& random) {
  std::vector<Node>& list = *place.list;
  Node& node = list[place.index];
  const auto at = list.begin() + static_cast<ptrdiff_t>(place.index);
  switch (Below(random, 10)) {
    case 0:
      node.tag = static_cast<uint8_t>(random());
      break;
    case 1:
      list.erase(at);
      break;
    case 2: {
      const Node copy = node;  // The list may move.
      list.insert(at, copy);
      break;
    }
    case 3:
      std::swap(node, list[Below(random, list.size())]);
      break;
    case 4:
      node.long_length = true;
      break;
    case 5:
      node.children.clear();
      node.content.clear();
      break;
    default:
      if (node.children.empty()) {
        ChangeContent(node.content, random);
      } else {
        std::swap(node.children.front(), node.children.back());
      }
  }
}

}  // namespace

Bytes MutateDer(ByteView der, std::mt19937_64& random) {
  std::vector<Node> roots;
  if (!ReadNodes(der, roots) || roots.empty()) return base::ToBytes(der);
  std::vector<Place> places;
  Collect(roots, places);
  Mutate(places[Below(random, places.size())], random);
  Bytes out;
  for (const Node& root : roots) Write(root, out);
  return out;
}

}  // namespace musubi::fakes
