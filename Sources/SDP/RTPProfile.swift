import NetworkTypes

/// One of the four RTP profiles whose keys, if any, are in the session description: RTP/AVP, RTP/AVPF (RFC 4585),
/// RTP/SAVP (RFC 3711), RTP/SAVPF (RFC 5124).
public struct RTPProfile: Hashable, Sendable {
    /// Whether packets are SRTP, and nothing else will do.
    public var isSecure: Bool
    /// Whether RTCP feedback is spoken.
    public var hasFeedback: Bool

    public init(isSecure: Bool = false, hasFeedback: Bool = false) {
        self.isSecure = isSecure
        self.hasFeedback = hasFeedback
    }

    /// As an `m=` line spells it.
    public var name: StaticString {
        switch (isSecure, hasFeedback) {
        case (false, false): "RTP/AVP"
        case (false, true): "RTP/AVPF"
        case (true, false): "RTP/SAVP"
        case (true, true): "RTP/SAVPF"
        }
    }

    init?(_ bytes: [UInt8], _ word: Range<Int>) {
        for isSecure in [false, true] {
            for hasFeedback in [false, true] {
                self.init(isSecure: isSecure, hasFeedback: hasFeedback)
                if bytes.equals(word, ignoringCase: name) { return }
            }
        }
        return nil
    }
}
