import SDP

/// A stream that is no relay's business (MSRP, BFCP over TCP): its line crossed as it was.
public struct UnanchoredStream: Hashable, Sendable {
    public let session: RelaySessionID
    /// The transport that its line names.
    public let transport: String
}

extension SessionDescription {
    /// The transport of a media description, in letters, digits, slashes and hyphens.
    func transport(of media: MediaDescription) -> String {
        let word = bytes[media.transportRange].prefix(32).filter {
            ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5a) || ($0 >= 0x61 && $0 <= 0x7a) || $0 == 0x2f
                || $0 == 0x2d
        }
        return String(decoding: word, as: UTF8.self)
    }
}
