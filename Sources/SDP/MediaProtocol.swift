import NetworkTypes

/// The transport that an `m=` line names (RFC 8866 §5.14), as far as a relay has to tell them apart.
public enum MediaProtocol: UInt8, Hashable, Sendable {
    /// RTP/AVP, RTP/AVPF.
    case rtp
    /// RTP/SAVP, RTP/SAVPF, and all that runs over DTLS.
    case secure
    /// Datagrams without RTP: udptl (T.38), udp, UDP/BFCP.
    case datagram
    /// MSRP and BFCP over TCP, with TLS or without: nothing that a relay of datagrams could do.
    case stream
    /// What nobody has heard of.
    case other

    init(_ bytes: [UInt8], _ word: Range<Int>) {
        let parts = bytes[word].split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { $0.startIndex..<$0.endIndex }
        if let first = parts.first, Self.isStream(bytes, first), parts.contains(where: { Self.isSession(bytes, $0) }) {
            self = .stream
        } else if parts.contains(where: { Self.isSecure(bytes, $0) }) {
            self = .secure
        } else {
            self = parts.first.map { Self.base(bytes, $0) } ?? .other
        }
    }

    private static func isStream(_ bytes: [UInt8], _ part: Range<Int>) -> Bool {
        bytes.equals(part, ignoringCase: "TCP") || bytes.equals(part, ignoringCase: "MSRP")
    }

    private static func isSession(_ bytes: [UInt8], _ part: Range<Int>) -> Bool {
        bytes.equals(part, ignoringCase: "MSRP") || bytes.equals(part, ignoringCase: "BFCP")
    }

    private static func isSecure(_ bytes: [UInt8], _ part: Range<Int>) -> Bool {
        bytes.equals(part, ignoringCase: "SAVP") || bytes.equals(part, ignoringCase: "SAVPF")
            || bytes.equals(part, ignoringCase: "TLS") || bytes.equals(part, ignoringCase: "DTLS")
    }

    private static func base(_ bytes: [UInt8], _ part: Range<Int>) -> MediaProtocol {
        if bytes.equals(part, ignoringCase: "RTP") { return .rtp }
        if bytes.equals(part, ignoringCase: "udptl") || bytes.equals(part, ignoringCase: "UDP") { return .datagram }
        return .other
    }
}
