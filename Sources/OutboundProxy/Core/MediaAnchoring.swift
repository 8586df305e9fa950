public import NetworkTypes

/// Why a session description was not anchored: the answer to give.
public struct MediaFailure: Error, Hashable, Sendable {
    public let status: Int
    public let reason: String

    public init(status: Int, reason: String) {
        self.status = status
        self.reason = reason
    }
}

/// The media relay as signalling sees it: offers and answers go in, bodies for the other side come out.
///
/// The proxy does not know how media is relayed and the relay does not know SIP; the driver joins the two.
public protocol MediaAnchoring: AnyObject {
    /// A new relay session between the one who sent the first INVITE and the one it went to.
    /// A call for help may use the ports that are kept for such.
    func open(caller: MediaPeer, callee: MediaPeer, isEmergency: Bool) -> UInt64
    /// An offer crosses; `exchange` names it for the answer or the rollback.
    func offer(
        _ body: ArraySlice<UInt8>, session: UInt64, fromCaller: Bool, exchange: UInt64, sender: MediaPeer,
        receiver: MediaPeer, now: Instant
    ) throws(MediaFailure) -> [UInt8]
    /// The answer to `exchange` crosses; `fork` counts the early dialogs of one INVITE.
    func answer(
        _ body: ArraySlice<UInt8>, session: UInt64, fromCaller: Bool, exchange: UInt64, fork: UInt32,
        sender: MediaPeer, now: Instant
    ) throws(MediaFailure) -> [UInt8]
    /// The dialog of that fork is confirmed; others' streams end.
    func confirm(session: UInt64, fork: UInt32)
    /// The exchange came to nothing.
    func rollback(session: UInt64, exchange: UInt64)
    /// The dialog is over.
    func close(session: UInt64)
}
