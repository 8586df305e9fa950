import NetworkTypes

/// What it takes to send an INVITE once more, to the same target with the other offer of SRTP.
final class OtherOffer {
    let arrival: Arrival
    /// Where it went last.
    private(set) var forwarding: Forwarding
    private(set) var flow: Flow
    /// What the other offer is like.
    let form: SRTPOffer
    /// Whether its time has come.
    var isMade = false

    init(_ request: PendingRequest, flow: Flow, form: SRTPOffer) {
        arrival = request.arrival
        forwarding = request.forwarding
        self.flow = flow
        self.form = form
    }

    func follow(_ request: PendingRequest, to flow: Flow) {
        forwarding = request.forwarding
        self.flow = flow
    }
}
