import NetworkTypes

/// One of the RTP profiles: RTP/AVP, RTP/AVPF (RFC 4585), RTP/SAVP (RFC 3711), RTP/SAVPF (RFC 5124), and the last two with
/// keys from DTLS (RFC 5764).
public struct RTPProfile: Hashable, Sendable {
    /// Whether packets are SRTP, and nothing else will do.
    public var isSecure: Bool
    /// Whether RTCP feedback is spoken.
    public var hasFeedback: Bool
    /// Whether the name of a secure profile says that its keys come from DTLS.
    public var namesDTLS: Bool

    public init(isSecure: Bool = false, hasFeedback: Bool = false, namesDTLS: Bool = false) {
        self.isSecure = isSecure
        self.hasFeedback = hasFeedback
        self.namesDTLS = namesDTLS && isSecure
    }

    /// As an `m=` line spells it.
    public var name: StaticString {
        switch (isSecure, hasFeedback) {
        case (false, false): "RTP/AVP"
        case (false, true): "RTP/AVPF"
        case (true, false): namesDTLS ? "UDP/TLS/RTP/SAVP" : "RTP/SAVP"
        case (true, true): namesDTLS ? "UDP/TLS/RTP/SAVPF" : "RTP/SAVPF"
        }
    }

    init?(_ bytes: [UInt8], _ word: Range<Int>) {
        let known = Self.all.first { bytes.equals(word, ignoringCase: $0.name) }
        guard let known else { return nil }
        self = known
    }

    private static let all: [RTPProfile] = [false, true].flatMap { isSecure in
        [false, true].flatMap { hasFeedback in
            (isSecure ? [false, true] : [false]).map {
                RTPProfile(isSecure: isSecure, hasFeedback: hasFeedback, namesDTLS: $0)
            }
        }
    }
}
