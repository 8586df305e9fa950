public import NetworkTypes
import SIP
import STUN

// What transports ask and tell beside messages: strangers, streams that can't be followed, keep-alives.

extension ProxyCore {
    /// Whether who is at that address may have more connections and memory than a stranger: a host inside, an ITSP of
    /// ours, the peer of a call.
    public func isKnown(_ address: IPAddress, on listener: ListenerID, at now: Instant) -> Bool {
        guard let listener = identities[sided(Flow(listener: listener, peer: SocketAddress(address, 0))).listener]
        else {
            return false
        }
        return listener.side == .inside ? isInside(address) : isKnown(address, at: now)
    }

    /// A stream can't be followed beyond the head of a message (RFC 3261 §18.3): what can be read of a request is
    /// answered, before its connection is closed.
    public func refuse(_ head: [UInt8], _ status: Int, _ reason: String, from flow: Flow, at now: Instant) {
        counters.messagesIn += 1
        let flow = sided(flow)
        guard let listener = identities[flow.listener], let message = try? MessageParser.parse(datagram: head),
            message.isRequest, message.method != .ack, !message.callID.isEmpty, message.has(.cSeq), message.has(.from),
            message.has(.to)
        else {
            counters.droppedNotSIP += 1
            return
        }
        counters.droppedMalformed += 1
        let arrival = Arrival(message: message, flow: flow, listener: listener, now: now)
        let isStranger = !isKnown(flow.peer.ip, on: listener.id, at: now)
        if isStranger { answerStranger(arrival, status, reason) } else { answer(arrival, status, reason, []) }
    }

    /// A datagram that is no SIP: a STUN Binding request among it is a keep-alive (RFC 5626 §3.5.2).
    ///
    /// Its answer is longer than the request and its source may be forged, so strangers get one a second.
    func receiveNonSIP(_ bytes: [UInt8], from flow: Flow, on listener: Listener, at now: Instant) {
        guard listener.transport == .udp, let request = STUNBindingRequest(bytes),
            isKnown(flow.peer.ip, on: listener.id, at: now) || strangerAnswers.take(flow.peer.ip, at: now)
        else {
            counters.droppedNotSIP += 1
            return
        }
        counters.keepAlives += 1
        outputs.append(.send(request.response(to: flow.peer), identities.carrier(of: flow)))
    }
}
