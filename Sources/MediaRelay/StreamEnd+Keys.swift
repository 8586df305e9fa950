import NetworkTypes

// Keys that are agreed on by DTLS, on the way that the media takes.

extension StreamEnd {
    /// Asks for the keys of what was committed, unless they are there.
    func beginExchanges(at now: Instant) {
        exchanges.media?.begin(to: mediaTarget, at: now)
        exchanges.control?.begin(to: controlTarget, at: now)
        flush()
    }

    /// Takes a datagram of a handshake that came on `path`; nil if no handshake is expected there, else whether it brought
    /// the keys.
    func receiveHandshake(
        _ datagram: Span<UInt8>, on path: RelayPath, from source: SocketAddress, rank: UInt8, at now: Instant
    ) -> Bool? {
        let isControl = path === rtcp
        guard let exchange = isControl ? exchanges.control : exchanges.media else { return nil }
        let target = isControl ? controlTarget : mediaTarget
        let isAgreed = exchange.receive(datagram, from: source, rank: rank, to: target, at: now)
        flush()
        guard isAgreed else { return false }
        path.latch(authentic: source, at: now)
        takeKeys()
        return true
    }

    /// When a handshake wants to go on.
    var exchangeDeadline: Instant? {
        guard let media = exchanges.media?.deadline else { return exchanges.control?.deadline }
        return min(media, exchanges.control?.deadline ?? media)
    }

    func continueExchanges(at now: Instant) {
        if let media = exchanges.media, let due = media.deadline, due <= now {
            media.handleTimeout(to: mediaTarget, at: now)
        }
        if let control = exchanges.control, let due = control.deadline, due <= now {
            control.handleTimeout(to: controlTarget, at: now)
        }
        flush()
    }

    private func flush() {
        send(exchanges.media, from: leg.rtp)
        send(exchanges.control, from: leg.rtcp)
    }

    private func send(_ exchange: KeyExchange?, from channel: MediaChannel) {
        guard let exchange else { return }
        for (datagram, destination) in exchange.takeOutput() {
            agenda.append(.send(datagram, to: destination, descriptor: channel.socket.descriptor))
        }
    }
}
