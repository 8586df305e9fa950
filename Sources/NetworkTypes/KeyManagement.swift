/// How the keys of SRTP are agreed on, where we are the one to propose it (design: `keying`).
public enum KeyManagement: String, Hashable, Sendable, CaseIterable {
    /// In the session description (RFC 4568).
    case sdes
    /// By a DTLS handshake on the media path (RFC 5763, RFC 5764).
    case dtls
}
