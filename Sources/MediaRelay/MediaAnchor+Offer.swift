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
        let lines = try lines(
            of: description, from: sender, legs[end].local.family, in: session, end, session.confirmedFork ?? fork)
        let offer = Exchange(
            id: exchange, offerer: end, generation: session.newGeneration(), fork: session.confirmedFork ?? fork,
            isEarly: session.confirmedFork == nil, lines: lines, usesICE: description.usesICE)
        let written = try accept(offer, description, in: session, legs, from: sender, to: receiver)
        noteICE(of: sender, in: description)
        noteLeftAlone(lines, of: description, in: session)
        return written
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
        of description: SessionDescription, from sender: MediaPeer, _ family: IPAddress.Family,
        in session: AnchoredSession, _ end: LegEnd, _ fork: UInt32
    ) throws(MediaRefusal) -> [Exchange.Line] {
        var lines: [Exchange.Line] = []
        lines.reserveCapacity(description.media.count)
        var refusals: [(index: Int, why: MediaRefusal)] = []
        for (index, media) in description.media.enumerated() {
            do throws(MediaRefusal) {
                let wasSecure = session.wasSecure(description.type(of: media), at: index, facing: end, fork)
                let policy = policy(sender, wasSecure: wasSecure)
                var next = try line(media, policy, family)
                next.formats = description.formats(of: media)
                lines.append(next)
            } catch {
                guard case .notAcceptable(let reason) = error, reason.isAboutKeys else { throw error }
                refusals.append((index, error))
                lines.append(Exchange.Line(profile: media.profile))
            }
        }
        description.leaveSecured(of: &lines)
        for refusal in refusals
        where !mayBeDropped(refusal.index, of: description, takenIn: lines, in: session, end, fork) {
            throw refusal.why
        }
        if description.media.contains(where: { $0.port != 0 }),
            !lines.contains(where: { $0.remote != nil || $0.isLeftAlone })
        {
            throw .notAcceptable(.noRelayableMedia)
        }
        return lines
    }

    /// Whether a stream that can't be secured as it must be is refused alone: one that is offered twice, which leaves the
    /// choice to us, and what comes with a call's audio. A call without its audio is none, and what was secure stays so.
    private func mayBeDropped(
        _ index: Int, of description: SessionDescription, takenIn lines: [Exchange.Line], in session: AnchoredSession,
        _ end: LegEnd, _ fork: UInt32
    ) -> Bool {
        if description.hasTwin(of: index, takenIn: lines) { return true }
        let type = description.type(of: description.media[index])
        return type != "audio" && lines.contains { $0.remote != nil }
            && !session.wasSecure(type, at: index, facing: end, fork)
    }

    private func line(
        _ media: MediaDescription, _ policy: SecurityPolicy, _ family: IPAddress.Family
    ) throws(MediaRefusal) -> Exchange.Line {
        let read = try reader.read(media, from: policy.peer, family)
        var line = Exchange.Line(remote: read.remote, isHeld: read.isHeld)
        line.profile = media.profile
        line.ice = read.ice
        line.isLeftAlone = reader.isLeftAlone(media, from: policy.peer.side)
        line.isMultiplexed = media.isMultiplexed && media.isRTP
        guard read.remote != nil else { return line }
        switch try policy.choose(from: media) {
        case .crypto(let crypto)?: line.crypto = crypto
        case .dtls(let identity)?: line.identity = identity
        case .agreed?, nil: break
        }
        return line
    }

    /// Finds or takes the ports, writes the body, and then tells the worker.
    private func accept(
        _ offer: Exchange, _ description: SessionDescription, in session: AnchoredSession, _ legs: Legs,
        from sender: MediaPeer, to receiver: MediaPeer
    ) throws(MediaRefusal) -> [UInt8] {
        var offer = offer
        var reservation = Reservation()
        let body: [UInt8]
        do {
            try assign(&offer, description, in: session, legs, &reservation)
            associate(&offer, sender, reservation)
            chooseFaces(&offer, description, in: session, receiver, reservation)
            let end = offer.offerer.opposite
            offer.direct = self.direct(jointLines(of: offer, reservation, in: session), to: end, in: session)
            let direct = offer.direct
            let lines = offer.lines.enumerated().map { index, line in
                LegLine(
                    port: direct?.ports[index] ?? port(line.media, facing: end, offer.fork, reservation),
                    face: line.face, isLeftAlone: line.isLeftAlone)
            }
            body = try BodyRewriter(address: advertised(legs[end]), lines: lines, media: direct?.address)
                .rewrite(description)
        } catch {
            abandon(reservation)
            throw error
        }
        session.legs = legs
        if offer.direct != nil { noteTold(offer.lines.map { $0.remote?.rtp }) }
        open(reservation)
        prepare(offer, in: session)
        session.exchanges.append(offer)
        return body
    }

    /// Gives each stream of an offer its sockets: those it has, if it is still the same kind of stream, or new ones.
    private func assign(
        _ offer: inout Exchange, _ description: SessionDescription, in session: AnchoredSession, _ legs: Legs,
        _ reservation: inout Reservation
    ) throws(MediaRefusal) {
        for (index, media) in description.media.enumerated() where offer.lines[index].remote != nil {
            let kind = AnchoredMedia.Kind(type: description.type(of: media), isOpaque: media.isOpaque)
            if let current = session.media(at: index), current.kind == kind,
                !hasMovedBehind(offer.lines[index].remote, current, at: offer.offerer, in: session)
            {
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
    private func prepare(_ offer: Exchange, in session: AnchoredSession) {
        for line in offer.lines {
            guard let media = line.media else { continue }
            expectChecks(line, offer, of: media, in: session)
            for (place, branch) in media.branches.enumerated() {
                guard offer.offerer == .caller || branch.fork == offer.fork,
                    let remote = remote(of: line, offer.offerer, media, branch, in: session)
                else { continue }
                if remote.isEquivalent(to: branch.remotes[offer.offerer]), !remote.acceptsAnySource { continue }
                emit(.prepare(stream: branch.stream, leg: offer.offerer, remote: remote.of(offer.generation)))
                media.branches[place].prepared[offer.offerer] = offer.generation
            }
        }
    }

    /// What becomes of the DTLS associations that the offer is about.
    private func associate(_ offer: inout Exchange, _ sender: MediaPeer, _ reservation: Reservation) {
        guard let fingerprint else { return }
        for (index, line) in offer.lines.enumerated() {
            guard let media = line.media, let identity = line.identity else { continue }
            let branch = reservation.branch(offer.fork, of: media)
            offer.lines[index].dtls = OfferedAssociation(
                answering: identity, from: line.remote?.rtp, of: sender, .init(branch, facing: offer.offerer),
                fingerprint)
        }
    }

    /// What the offer says about profiles and keys on its receiver's leg. A peer that comes with a key other than before
    /// gets a new one as well, since whoever it is now may know nothing of what was sent with the old one.
    private func chooseFaces(
        _ offer: inout Exchange, _ description: SessionDescription, in session: AnchoredSession, _ receiver: MediaPeer,
        _ reservation: Reservation
    ) {
        let end = offer.offerer.opposite
        for (index, line) in offer.lines.enumerated() {
            guard let media = line.media, description.media[index].profile != nil else { continue }
            let branch = reservation.branch(offer.fork, of: media)
            if case .srtp(let keys)? = branch?.remotes[offer.offerer]?.security, let crypto = line.crypto,
                keys.inbound != crypto.keys
            {
                session.ownKeys.forget(media.local(facing: offer.offerer, branch))
            }
            let wasSecure = session.wasSecure(media.kind.type, at: index, facing: end, offer.fork)
            offer.lines[index].face = policy(receiver, wasSecure: wasSecure).face(
                offering: description.media[index], before: branch?.faces[end]
            ) { session.ownKeys.key(on: media.local(facing: end, branch), $0) }
            offer.lines[index].face.ice = iceFace(
                offering: media, to: receiver, before: branch?.faces[end], media.local(facing: end, branch), in: session
            )
        }
    }

    /// What an offer says of the offerer, on one branch: each has its own leg towards a caller, and keys of ours there.
    func remote(
        of line: Exchange.Line, _ offerer: LegEnd, _ media: AnchoredMedia, _ branch: AnchoredMedia.Branch,
        in session: AnchoredSession
    ) -> LegRemote? {
        guard var remote = line.remote else { return nil }
        if let crypto = line.crypto {
            let own = session.ownKeys.key(on: media.local(facing: offerer, branch), crypto.keys.suite)
            remote.security = .srtp(LegKeys(inbound: crypto.keys, outbound: own))
        }
        if let association = line.dtls { remote.security = .dtls(association.parameters) }
        remote.ice = line.ice.flatMap { parameters($0, media.local(facing: offerer, branch), offerer, in: session) }
        return remote
    }

    /// What the answer to an offer says on the offerer's leg: its profile, and our key under the tag that was taken up.
    func answerFace(
        _ line: Exchange.Line, _ offerer: LegEnd, _ branch: AnchoredMedia.Branch?, in session: AnchoredSession
    ) -> LegFace {
        var face = LegFace(profile: line.profile, dtls: line.dtls?.face, isMultiplexed: line.isMultiplexed)
        if let crypto = line.crypto, let media = line.media {
            let own = session.ownKeys.key(on: media.local(facing: offerer, branch), crypto.keys.suite)
            face.crypto = [CryptoAttribute(tag: crypto.tag, keys: own)]
        }
        if let ice = line.ice, let media = line.media {
            face.ice = iceFace(answering: ice, media.local(facing: offerer, branch), in: session)
            face.hasControlCandidate = !line.isMultiplexed
        }
        return face
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
        // A description with other lines than the offer is none of its retransmissions.
        let direct =
            exchange?.offerer == end && exchange?.lines.count == description.media.count ? exchange?.direct : nil
        let lines = description.media.indices.map { index -> LegLine in
            let line = exchange?[media: index]
            let isLeftAlone = reader.isLeftAlone(description.media[index], from: legs[end].side)
            if isLeftAlone, line?.isLeftAlone ?? (session.media(at: index) == nil) {
                return LegLine(port: 0, isLeftAlone: true)
            }
            guard description.media[index].isRelayable else {
                return LegLine(port: 0, face: LegFace(profile: exchange?.offerer == end ? nil : line?.profile))
            }
            let media = exchange == nil ? session.media(at: index) : line?.media
            return LegLine(
                port: direct?.ports[index] ?? port(media, facing: end.opposite, fork, Reservation()),
                face: face(line, of: exchange, media, from: end, fork, in: session))
        }
        return try BodyRewriter(address: advertised(legs[end.opposite]), lines: lines, media: direct?.address)
            .rewrite(description)
    }

    /// What a body that has crossed before says: of the exchange if it is known, else what was agreed on last.
    private func face(
        _ line: Exchange.Line?, of exchange: Exchange?, _ media: AnchoredMedia?, from end: LegEnd, _ fork: UInt32,
        in session: AnchoredSession
    ) -> LegFace {
        let branch = media.flatMap { media in media.index(of: fork).map { media.branches[$0] } }
        guard let exchange, let line else { return branch?.faces[end.opposite] ?? LegFace() }
        return exchange.offerer == end ? line.face : answerFace(line, exchange.offerer, branch, in: session)
    }
}

extension SessionDescription {
    /// The type of a media description, in lower case.
    func type(of media: MediaDescription) -> String {
        String(decoding: bytes[media.type].map(\.lowercased), as: UTF8.self)
    }
}
