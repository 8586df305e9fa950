/// Sockets taken for an offer or an answer that may still be refused: no worker knows of them, and nothing of the session
/// has changed yet.
struct Reservation {
    /// Streams that are to be opened.
    var media: [AnchoredMedia] = []
    /// Branches that are to be added to streams.
    var branches: [(media: AnchoredMedia, branch: AnchoredMedia.Branch)] = []

    /// The branch of a fork, whether it is there or only reserved.
    func branch(_ fork: UInt32, of media: AnchoredMedia) -> AnchoredMedia.Branch? {
        if let index = media.index(of: fork) { return media.branches[index] }
        return branches.first { $0.media === media && $0.branch.fork == fork }?.branch
    }
}

extension MediaAnchor {
    /// Takes a pair for both ends of a new stream.
    func reserve(
        _ kind: AnchoredMedia.Kind, fork: UInt32, of session: AnchoredSession, _ legs: Legs,
        in reservation: inout Reservation
    ) throws(MediaRefusal) -> AnchoredMedia {
        guard let shared = ports.open(on: legs.callee.local, isEmergency: session.isEmergency) else { throw .capacity }
        guard let own = ports.open(on: legs.caller.local, isEmergency: session.isEmergency) else {
            ports.abandon(shared)
            throw .capacity
        }
        guard let stream = session.newStream() else {
            ports.abandon(shared)
            ports.abandon(own)
            throw .capacity
        }
        let first = AnchoredMedia.Branch(fork: fork, stream: stream, own: own)
        let media = AnchoredMedia(kind, shared: shared, first: first)
        reservation.media.append(media)
        return media
    }

    /// Takes a caller's pair for another fork of a stream, if it has none yet.
    func reserve(
        _ fork: UInt32, of media: AnchoredMedia, in session: AnchoredSession, _ legs: Legs,
        _ reservation: inout Reservation
    ) throws(MediaRefusal) {
        guard reservation.branch(fork, of: media) == nil else { return }
        guard media.branches.count < AnchoredMedia.maximumBranches else { throw .notAcceptable(.tooManyExchanges) }
        guard let stream = session.newStream(),
            let own = ports.open(on: legs.caller.local, isEmergency: session.isEmergency)
        else {
            throw .capacity
        }
        reservation.branches.append((media, AnchoredMedia.Branch(fork: fork, stream: stream, own: own)))
    }

    /// Gives everything back.
    func abandon(_ reservation: Reservation) {
        for media in reservation.media {
            ports.abandon(media.shared)
            for branch in media.branches { ports.abandon(branch.own) }
        }
        for (_, branch) in reservation.branches { ports.abandon(branch.own) }
    }

    /// Makes it real: from here on the sockets are the worker's.
    func open(_ reservation: Reservation) {
        for media in reservation.media {
            let branch = media.branches[0]
            emit(
                .open(stream: branch.stream, caller: branch.own, callee: media.shared, isOpaque: media.kind.isOpaque))
        }
        for (media, branch) in reservation.branches {
            emit(.fork(stream: branch.stream, of: media.branches[0].stream, shared: .callee, own: branch.own))
            media.branches.append(branch)
        }
    }
}
