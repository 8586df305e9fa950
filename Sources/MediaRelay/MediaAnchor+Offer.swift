public import NetworkTypes
import SDP

// Offers: what they propose is prepared and opened, nothing of what is in use changes.

extension MediaAnchor {
    /// An offer crosses from one end to the other; the result is the body that leaves. On refusal nothing has changed.
    ///
    /// `exchange` names the exchange for the answer or the rollback. An exchange that is known already is a
    /// retransmission: the body is written as before and nothing else happens. `fork` is the early dialog that a
    /// callee's offer belongs to.
    public func offer(
        _ body: ArraySlice<UInt8>, in id: RelaySessionID, from end: LegEnd, exchange: UInt64, fork: UInt32 = 0,
        sender: MediaPeer, receiver: MediaPeer
    ) throws(MediaRefusal) -> [UInt8] {
        guard let session = sessions[id] else { throw .notAcceptable(.unknownSession) }
        let description = try Self.parse(body)
        if let index = session.index(of: exchange) {
            return try restate(description, of: session.exchanges[index], in: session, from: end)
        }
        try makeRoom(in: session)
        let legs = try legs(for: description, in: session, from: end, sender: sender, receiver: receiver)
        let lines = try lines(of: description, from: sender, legs[end].local.family)
        let offer = Exchange(
            id: exchange, offerer: end, generation: session.newGeneration(), fork: session.confirmedFork ?? fork,
            isEarly: session.confirmedFork == nil, lines: lines)
        return try accept(offer, description, in: session, legs)
    }

    static func parse(_ body: ArraySlice<UInt8>) throws(MediaRefusal) -> SessionDescription {
        do {
            return try SessionDescription(Array(body))
        } catch {
            throw error == .tooLong ? .tooLarge : .malformed(error)
        }
    }

    /// Forgets the exchanges that a new offer makes history.
    private func makeRoom(in session: AnchoredSession) throws(MediaRefusal) {
        if session.confirmedFork != nil { session.exchanges.removeAll { $0.isAnswered } }
        guard session.exchanges.count < AnchoredSession.maximumExchanges else {
            throw .notAcceptable(.tooManyExchanges)
        }
    }

    private func lines(
        of description: SessionDescription, from sender: MediaPeer, _ family: IPAddress.Family
    ) throws(MediaRefusal) -> [Exchange.Line] {
        var lines: [Exchange.Line] = []
        lines.reserveCapacity(description.media.count)
        for media in description.media {
            let read = try reader.read(media, from: sender, family, isAnswer: false)
            lines.append(Exchange.Line(remote: read.remote, isHeld: read.isHeld))
        }
        if description.media.contains(where: { $0.port != 0 }), !lines.contains(where: { $0.remote != nil }) {
            throw .notAcceptable(.noRelayableMedia)
        }
        return lines
    }

    /// Finds or takes the ports, writes the body, and then tells the worker.
    private func accept(
        _ offer: Exchange, _ description: SessionDescription, in session: AnchoredSession, _ legs: Legs
    ) throws(MediaRefusal) -> [UInt8] {
        var offer = offer
        var reservation = Reservation()
        let body: [UInt8]
        do {
            try assign(&offer, description, in: session, legs, &reservation)
            let ports = offer.lines.map { port($0.media, facing: offer.offerer.opposite, offer.fork, reservation) }
            body = try BodyRewriter(address: advertised(legs[offer.offerer.opposite]), ports: ports)
                .rewrite(description)
        } catch {
            abandon(reservation)
            throw error
        }
        session.legs = legs
        open(reservation)
        prepare(offer)
        session.exchanges.append(offer)
        return body
    }

    /// Gives each stream of an offer its sockets: those it has, if it is still the same kind of stream, or new ones.
    private func assign(
        _ offer: inout Exchange, _ description: SessionDescription, in session: AnchoredSession, _ legs: Legs,
        _ reservation: inout Reservation
    ) throws(MediaRefusal) {
        for (index, media) in description.media.enumerated() where offer.lines[index].remote != nil {
            let kind = AnchoredMedia.Kind(
                type: String(decoding: description.bytes[media.type].map(\.lowercased), as: UTF8.self),
                isOpaque: media.transport == .datagram)
            if let current = session.media(at: index), current.kind == kind {
                if offer.offerer == .callee {
                    try reserve(offer.fork, of: current, in: session, legs, &reservation)
                }
                offer.lines[index].media = current
                offer.lines[index].previous = current.index(of: offer.fork).map { current.branches[$0] }
            } else {
                offer.lines[index].media = try reserve(kind, fork: offer.fork, of: session, legs, in: &reservation)
                offer.lines[index].isProposed = true
            }
        }
    }

    /// Prepares what has changed about the offerer. An offer that repeats what is in use says nothing new, but for a peer
    /// behind NAT, which may be found somewhere else from now on.
    private func prepare(_ offer: Exchange) {
        for line in offer.lines {
            guard let media = line.media, let remote = line.remote else { continue }
            for (place, branch) in media.branches.enumerated() {
                guard offer.offerer == .caller || branch.fork == offer.fork else { continue }
                if remote.isEquivalent(to: branch.remotes[offer.offerer]), !remote.acceptsAnySource { continue }
                emit(.prepare(stream: branch.stream, leg: offer.offerer, remote: remote.of(offer.generation)))
                media.branches[place].prepared[offer.offerer] = offer.generation
            }
        }
    }

    /// The port that the body for `end` names; 0 for a stream that is refused.
    func port(_ media: AnchoredMedia?, facing end: LegEnd, _ fork: UInt32, _ reservation: Reservation) -> UInt16 {
        guard let media else { return 0 }
        if end == .callee { return media.shared.rtp.local.port }
        return (reservation.branch(fork, of: media) ?? media.branches[0]).own.rtp.local.port
    }

    /// Writes a body that has crossed before: same ports, no commands.
    func restate(
        _ description: SessionDescription, of exchange: Exchange?, in session: AnchoredSession, from end: LegEnd,
        fork: UInt32? = nil
    ) throws(MediaRefusal) -> [UInt8] {
        guard let legs = session.legs else { throw .notAcceptable(.unexpectedAnswer) }
        let fork = session.confirmedFork ?? fork ?? exchange?.fork ?? 0
        let ports = description.media.indices.map { index -> UInt16 in
            guard description.media[index].isRelayable else { return 0 }
            let media = exchange.map { $0[media: index]?.media } ?? session.media(at: index)
            return port(media, facing: end.opposite, fork, Reservation())
        }
        return try BodyRewriter(address: advertised(legs[end.opposite]), ports: ports).rewrite(description)
    }
}
