import COpenSSL

/// Why TLS could not be set up or went no further, in words for an admin. No key and no message is ever in it.
public struct TLSFailure: Error, Hashable, Sendable, CustomStringConvertible {
    public let reason: String

    public init(_ reason: String) { self.reason = reason }

    public var description: String { reason }

    /// What OpenSSL says last, after `what` could not be done.
    static func openSSL(_ what: String) -> TLSFailure {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        return TLSFailure(code == 0 ? what : "\(what): \(text(of: code))")
    }

    /// The reason of an error code, in words where OpenSSL's own say little.
    static func text(of code: UInt) -> String {
        guard let reason = ERR_reason_error_string(code) else { return "error \(String(code, radix: 16))" }
        return words[String(cString: reason)] ?? String(cString: reason)
    }

    private static let words = [
        "wrong version number": "the peer does not speak TLS",
        "http request": "the peer speaks HTTP, not TLS",
        "unsupported protocol": "the peer offers no version of TLS that is allowed here",
        "tlsv1 alert protocol version": "the peer allows no version of TLS that we offer",
        "no shared cipher": "the peer offers no cipher that is allowed here",
        "peer did not return a certificate": "the peer sent no certificate, which is required",
        "tlsv1 alert unknown ca": "the peer does not trust the CA of our certificate",
        "sslv3 alert bad certificate": "the peer does not accept our certificate",
        "sslv3 alert certificate expired": "the peer says that our certificate has expired",
        "sslv3 alert certificate unknown": "the peer does not accept our certificate",
        "tlsv13 alert certificate required": "the peer requires a certificate of ours",
        "sslv3 alert handshake failure": "the peer refused the handshake",
        "no start line": "it holds no PEM text of that kind",
        "key values mismatch": "the key does not belong to the certificate",
    ]
}
