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
        _ datagram: Span<UInt8>, on path: RelayPath, from source: SocketAddress, rank: UInt8, isProven: Bool,
        at now: Instant
    ) -> Bool? {
        guard let (exchange, target) = exchange(on: path) else { return nil }
        let isAgreed = exchange.receive(
            datagram, from: source, rank: rank, isProven: isProven, to: target, at: now)
        flush()
        guard isAgreed else { return false }
        path.latch(authentic: source, at: now)
        takeKeys()
        return true
    }

    /// Checks have nominated another address for what comes on `path`.
    func moveExchange(on path: RelayPath, at now: Instant) {
        guard let (exchange, target) = exchange(on: path), let target else { return }
        exchange.move(to: target, at: now)
        flush()
    }

    private func exchange(on path: RelayPath) -> (KeyExchange, target: SocketAddress?)? {
        if path === rtcp { return exchanges.control.map { ($0, controlTarget) } }
        return exchanges.media.map { ($0, mediaTarget) }
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
