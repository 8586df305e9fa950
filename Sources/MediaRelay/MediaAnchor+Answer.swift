public import NetworkTypes
import RTP
import SDP

// Answers commit what an offer prepared; rollbacks discard it.

extension MediaAnchor {
    /// One media description of an answer that is being taken.
    private struct Accepted {
        let index: Int
        var media: AnchoredMedia
        let remote: LegRemote
        let isHeld: Bool
        /// What was agreed on with the answerer.
        let face: LegFace
        let formats: [PayloadFormat]
    }

    /// The answer to an exchange crosses; the result is the body that leaves. On refusal nothing has changed.
    ///
    /// `fork` tells the early dialogs of one INVITE apart: each has its own leg towards the caller, fork 0 that of the
    /// offer. May be called again with the same answer (183, then 200) or a changed one. Media descriptions that the
    /// answer lacks count as refused, those that the offer lacked leave refused (RFC 3264 §6 wants as many as offered).
    public func answer(
        _ body: ArraySlice<UInt8>, in id: RelaySessionID, from end: LegEnd, exchange number: UInt64, fork: UInt32,
        sender: MediaPeer
    ) throws(MediaRefusal) -> [UInt8] {
        guard let session = sessions[id] else { throw .notAcceptable(.unknownSession) }
        let description = try Self.parse(body)
        guard let index = session.index(of: number), let legs = session.legs else {
            return try restate(description, of: nil, in: session, from: end)
        }
        let exchange = session.exchanges[index]
        guard exchange.offerer != end else { throw .notAcceptable(.unexpectedAnswer) }
        guard let fork = branch(answering: exchange, from: end, fork, in: session) else {
            return try restate(description, of: exchange, in: session, from: end)
        }
        var reservation = Reservation()
        var accepted: [Accepted]
        let direct: DirectMedia?
        let written: [UInt8]
        do {
            accepted = try read(description, answering: exchange, from: end, sender, legs, fork, in: session)
            for place in accepted.indices where hasMovedBehind(accepted[place], at: end, exchange, in: session) {
                accepted[place].media = try reserve(
                    accepted[place].media.kind, fork: fork, of: session, legs, in: &reservation)
            }
            for line in accepted { try reserve(fork, of: line.media, in: session, legs, &reservation) }
            var lines = lines(of: description, accepted, answering: exchange, fork, reservation, in: session)
            direct = self.direct(
                jointLines(accepted, lines, answering: exchange, in: session), to: exchange.offerer, in: session)
            for (index, port) in (direct?.ports ?? []).enumerated() { lines[index].port = port ?? 0 }
            written = try BodyRewriter(
                address: advertised(legs[end.opposite]), lines: lines, media: direct?.address
            ).rewrite(description)
        } catch {
            abandon(reservation)
            throw error
        }
        open(reservation)
        if direct != nil { noteTold(accepted.map(\.remote.rtp)) }
        noteDirect(direct, exchange: index, in: session)
        commit(accepted, fork, index, usesICE: description.usesICE, in: session)
        return written
    }

    private func hasMovedBehind(
        _ line: Accepted, at end: LegEnd, _ exchange: Exchange, in session: AnchoredSession
    ) -> Bool {
        // Without it the offer brings media back to us, and nobody will send to the answerer directly.
        exchange.direct != nil && hasMovedBehind(line.remote, line.media, at: end, in: session)
    }

    private func jointLines(
        _ accepted: [Accepted], _ lines: [LegLine], answering exchange: Exchange, in session: AnchoredSession
    ) -> [JointLine?] {
        if settings.farEnds == nil { return [] }
        return lines.indices.map { index in
            guard let answer = accepted.first(where: { $0.index == index }), let offered = exchange[media: index] else {
                return nil
            }
            return JointLine(
                joint: answer.remote.isJoint ? answer.remote.rtp : nil,
                isReachable: isReachable(offered, of: exchange, in: session), face: lines[index].face)
        }
    }

    /// Notes which peers send their media elsewhere from now on.
    private func noteDirect(_ direct: DirectMedia?, exchange index: Int, in session: AnchoredSession) {
        let exchange = session.exchanges[index]
        if exchange.previouslyDirect == nil { session.exchanges[index].previouslyDirect = session.isDirect }
        session.isDirect[exchange.offerer.opposite] = exchange.direct != nil
        session.isDirect[exchange.offerer] = direct != nil
    }

    /// The branch that an answer is about; nil for one of a fork that lost. Only a callee's answer to an early offer can
    /// come from several: later ones, and those of the caller, belong to the one dialog of the exchange.
    private func branch(
        answering exchange: Exchange, from end: LegEnd, _ fork: UInt32, in session: AnchoredSession
    ) -> UInt32? {
        guard let confirmed = session.confirmedFork else { return end == .callee ? fork : exchange.fork }
        return exchange.isEarly && end == .callee && fork != confirmed ? nil : confirmed
    }

    /// What the answer says on the offerer's leg; a refused stream keeps the profile that it was offered with.
    private func lines(
        of description: SessionDescription, _ accepted: [Accepted], answering exchange: Exchange, _ fork: UInt32,
        _ reservation: Reservation, in session: AnchoredSession
    ) -> [LegLine] {
        let peer = exchange.offerer == .caller ? session.callee : session.caller
        var lines = description.media.indices.map {
            LegLine(
                port: 0, face: LegFace(profile: exchange[media: $0]?.profile),
                isLeftAlone: exchange[media: $0]?.isLeftAlone == true
                    && reader.isLeftAlone(description.media[$0], from: peer.side))
        }
        for answer in accepted {
            guard let line = exchange[media: answer.index] else { continue }
            let branch = reservation.branch(fork, of: answer.media)
            lines[answer.index] = LegLine(
                port: port(answer.media, facing: exchange.offerer, fork, reservation),
                face: answerFace(line, exchange.offerer, branch, in: session))
        }
        return lines
    }

    /// The streams that an answer accepts.
    private func read(
        _ description: SessionDescription, answering exchange: Exchange, from end: LegEnd, _ sender: MediaPeer,
        _ legs: Legs, _ fork: UInt32, in session: AnchoredSession
    ) throws(MediaRefusal) -> [Accepted] {
        var accepted: [Accepted] = []
        for (index, media) in description.media.enumerated() {
            let read = try reader.read(media, from: sender, legs[end].local.family)
            guard var remote = read.remote, let line = exchange[media: index], let stream = line.media else { continue }
            guard stream.kind.isOpaque == media.isOpaque else { throw .notAcceptable(.otherMedia) }
            let wasSecure = session.wasSecure(stream.kind.type, at: index, facing: end, fork)
            let policy = policy(sender, wasSecure: wasSecure)
            var face = LegFace(profile: line.face.profile)
            face.isMultiplexed = media.isMultiplexed && media.isRTP
            switch try policy.keys(from: media, answering: line.face) {
            case .agreed(let own, let keys)?: (remote.security, face.crypto) = (.srtp(keys), [own])
            case .dtls(let identity)?:
                let branch = stream.index(of: fork).map { stream.branches[$0] }
                let association = line.face.dtls.map {
                    OfferedAssociation(
                        answeredBy: identity, from: remote.rtp, of: sender, .init(branch, facing: end), to: $0)
                }
                guard let association else { throw .notAcceptable(.missingKeys) }
                (remote.security, face.dtls) = (.dtls(association.parameters), association.face)
            case .crypto?, nil: break
            }
            if let ice = read.ice, case .agent(let own)? = line.face.ice, !ice.isMismatched {
                face.ice = line.face.ice
                let local = stream.local(facing: end, stream.index(of: fork).map { stream.branches[$0] })
                session.ownICE.note(own, on: local, for: ice.fragment)
                remote.ice = parameters(ice, local, end, in: session)
            }
            if !remote.hasFeedback { face.profile?.hasFeedback = false }
            accepted.append(
                Accepted(
                    index: index, media: stream, remote: remote, isHeld: read.isHeld || line.isHeld, face: face,
                    formats: description.formats(of: media)))
        }
        return accepted
    }
}

// MARK: Committing

extension MediaAnchor {
    private func commit(
        _ accepted: [Accepted], _ fork: UInt32, _ index: Int, usesICE: Bool, in session: AnchoredSession
    ) {
        let isFirst = !session.exchanges[index].isAnswered
        var hasMoved = false
        for line in accepted where session.exchanges[index][media: line.index]?.media !== line.media {
            session.exchanges[index].lines[line.index].media = line.media
            hasMoved = true
        }
        let isRepeated = session.exchanges[index].answered.contains(fork)
        if !isRepeated { session.exchanges[index].answered.append(fork) }
        let exchange = session.exchanges[index]
        let generation = isRepeated ? session.newGeneration() : exchange.generation
        for line in accepted {
            commit(line, exchange, fork, generation, isRepeated: isRepeated, in: session)
            guard let place = line.media.index(of: fork) else { continue }
            line.media.branches[place].usesICE[exchange.offerer] = exchange.usesICE
            line.media.branches[place].usesICE[exchange.offerer.opposite] = usesICE
        }
        if isFirst || hasMoved { install(exchange, in: session) }
        refuse(exchange, but: accepted, fork, in: session)
        session.noteSecurity()
        publishFarEnds(of: session)
        updateWatch(session)
    }

    /// Prepares what the offer could not, and lets it all take over. What is in use already is not said again.
    private func commit(
        _ line: Accepted, _ exchange: Exchange, _ fork: UInt32, _ generation: UInt32, isRepeated: Bool,
        in session: AnchoredSession
    ) {
        guard let place = line.media.index(of: fork), let offer = exchange[media: line.index],
            let offered = remote(of: offer, exchange.offerer, line.media, line.media.branches[place], in: session)
        else { return }
        let end = exchange.offerer.opposite
        var branch = line.media.branches[place]
        branch.faces[exchange.offerer] = answerFace(offer, exchange.offerer, branch, in: session)
        branch.faces[end] = line.face
        var isChanged = branch.prepared[exchange.offerer] == generation
        if !isChanged, !offered.isEquivalent(to: branch.remotes[exchange.offerer]) {
            emit(.prepare(stream: branch.stream, leg: exchange.offerer, remote: offered.of(generation)))
            isChanged = true
        }
        if !line.remote.isEquivalent(to: branch.remotes[end]) || line.remote.acceptsAnySource && !isRepeated {
            emit(.prepare(stream: branch.stream, leg: end, remote: line.remote.of(generation)))
            isChanged = true
        }
        // Said again, it is a reason to try again for keys that are not there yet.
        if isChanged || offered.hasHandshakes || line.remote.hasHandshakes {
            emit(.commit(stream: branch.stream, generation: generation))
        }
        branch.prepared[exchange.offerer] = nil
        branch.remotes[exchange.offerer] = offered
        branch.remotes[end] = line.remote
        branch.isHeld = line.isHeld
        branch.isRejected = false
        describe(offer.formats, by: exchange.offerer, line.formats, &branch)
        line.media.branches[place] = branch
    }

    /// Tells the worker what payload types stand for, when that has changed.
    private func describe(
        _ offered: [PayloadFormat], by offerer: LegEnd, _ answered: [PayloadFormat],
        _ branch: inout AnchoredMedia.Branch
    ) {
        guard offered != branch.formats[offerer] ?? [] || answered != branch.formats[offerer.opposite] ?? [] else {
            return
        }
        branch.formats[offerer] = offered
        branch.formats[offerer.opposite] = answered
        emit(
            .describe(
                stream: branch.stream, caller: branch.formats.caller ?? [], callee: branch.formats.callee ?? []))
    }

    /// The first answer to an offer decides which streams are in use: new ones take the place of those they replace, and
    /// those that the offer removed end.
    private func install(_ exchange: Exchange, in session: AnchoredSession) {
        let count = max(exchange.lines.count, session.media.count)
        for index in 0..<count {
            let next = exchange[media: index]?.media
            let current = session.media(at: index)
            if let current, current !== next { retire(current, of: session) }
            if index >= session.media.count { session.media.append(nil) }
            session.media[index] = next
        }
    }

    /// Ends the streams that an answer refuses; while other forks may still accept them, only notes it.
    private func refuse(_ exchange: Exchange, but accepted: [Accepted], _ fork: UInt32, in session: AnchoredSession) {
        for (index, line) in exchange.lines.enumerated() {
            guard let media = line.media, !accepted.contains(where: { $0.index == index }) else { continue }
            if session.confirmedFork != nil {
                retire(media, of: session)
            } else if let place = media.index(of: fork) {
                media.branches[place].isRejected = true
            }
        }
    }
}

// MARK: Rolling back

extension MediaAnchor {
    /// The exchange failed (491, 488, a timeout, CANCEL): what it prepared is forgotten and the streams that only it
    /// opened end. Where a provisional answer had been committed already, the peers' addresses of before come back
    /// (RFC 3261 §14.1: a failed re-INVITE changes nothing).
    public func rollback(_ id: RelaySessionID, exchange number: UInt64) {
        guard let session = sessions[id], let index = session.index(of: number) else { return }
        let exchange = session.exchanges.remove(at: index)
        for line in exchange.lines {
            guard let media = line.media else { continue }
            if line.isProposed {
                retire(media, of: session)
            } else if exchange.isAnswered {
                restore(line.previous, of: media, in: session)
            } else {
                discard(exchange, of: media)
            }
        }
        if let before = exchange.previouslyDirect { session.isDirect = before }
        publishFarEnds(of: session)
        updateWatch(session)
    }

    private func discard(_ exchange: Exchange, of media: AnchoredMedia) {
        for (place, branch) in media.branches.enumerated()
        where branch.prepared[exchange.offerer] == exchange.generation {
            emit(.discard(stream: branch.stream, generation: exchange.generation))
            media.branches[place].prepared[exchange.offerer] = nil
        }
    }

    private func restore(_ previous: AnchoredMedia.Branch?, of media: AnchoredMedia, in session: AnchoredSession) {
        guard let previous, let place = media.branches.firstIndex(where: { $0.stream == previous.stream }) else {
            return
        }
        let generation = session.newGeneration()
        var isChanged = false
        for end in LegEnd.allCases {
            guard let remote = previous.remotes[end],
                !remote.isEquivalent(to: media.branches[place].remotes[end])
            else { continue }
            emit(.prepare(stream: previous.stream, leg: end, remote: remote.of(generation)))
            isChanged = true
        }
        if isChanged { emit(.commit(stream: previous.stream, generation: generation)) }
        media.branches[place].remotes = previous.remotes
        media.branches[place].faces = previous.faces
        media.branches[place].isHeld = previous.isHeld
        media.branches[place].isRejected = previous.isRejected
    }
}
