#include "lib/redis/subscriptions.h"

#include <algorithm>
#include <utility>

#include "lib/redis/wire.h"

namespace musubi::redis {
void Subscriptions::Add(Connection& connection, std::shared_ptr<Listener> listener) {
  wanted_ = true;
  Channel& channel = channels_[listener->channel];
  channel.listeners.push_back(listener);
  if (connection.state() != Connection::State::kReady) return;
  if (channel.listeners.size() == 1) {
    Subscribe(connection, {listener->channel});
  } else if (channel.holds) {
    listener->on_missed();
  }
}

void Subscriptions::Remove(Connection& connection, const std::shared_ptr<Listener>& listener) {
  const auto at = channels_.find(listener->channel);
  if (at == channels_.end()) return;
  std::erase(at->second.listeners, listener);
  if (!at->second.listeners.empty()) return;
  channels_.erase(at);
  if (connection.state() == Connection::State::kReady) {
    connection.UnsubscribeFrom(
        EncodeCommand(std::vector<std::string>{"UNSUBSCRIBE", listener->channel}));
  }
}

void Subscriptions::Resume(Connection& connection) {
  answered_ = false;
  std::vector<std::string> channels = {kAlive};
  for (auto& [name, channel] : channels_) {
    channel.holds = false;
    channels.push_back(name);
  }
  Subscribe(connection, channels);
}

void Subscriptions::Check(Connection& connection) { Subscribe(connection, {kAlive}); }

void Subscriptions::Subscribe(Connection& connection, const std::vector<std::string>& channels) {
  std::vector<std::string> words = {"SUBSCRIBE"};
  words.insert(words.end(), channels.begin(), channels.end());
  connection.SubscribeTo(EncodeCommand(words));
}

void Subscriptions::OnPushed(const Reply& push) {
  answered_ = true;
  if (!push.is_array() || push.elements.size() < 3) return;
  const auto at = channels_.find(push.elements[1].text);
  if (at == channels_.end()) return;
  const std::string& kind = push.elements[0].text;
  const bool begins = kind == "subscribe";
  if (!begins && kind != "message") return;
  if (begins) at->second.holds = true;
  // A copy: a callback may end its own subscription.
  const std::vector<std::shared_ptr<Listener>> listeners = at->second.listeners;
  for (const std::shared_ptr<Listener>& listener : listeners) {
    if (!listener->active) continue;
    if (begins) {
      listener->on_missed();
    } else {
      listener->on_message(push.elements[2].text);
    }
  }
}

}  // namespace musubi::redis
