import NetworkTypes
import SDP

/// What one media description says on one leg beside its address and port: the profile, the keys or how to come by them,
/// and whether RTCP has the port of RTP.
struct LegFace: Hashable {
    var profile: RTPProfile?
    var crypto: [CryptoAttribute] = []
    var dtls: DTLSFace?
    /// `a=rtcp-mux` (RFC 5761).
    var isMultiplexed = false
    var ice: ICEFace?
    /// Whether RTCP has a candidate of its own: not once it is multiplexed, but an offer can't know that.
    var hasControlCandidate = true

    /// The attributes that say so, as whole lines.
    var attributes: [UInt8] {
        var lines: [UInt8] = []
        for line in crypto { line.write(into: &lines) }
        dtls?.write(into: &lines)
        if isMultiplexed { lines.append(contentsOf: "a=rtcp-mux\r\n".utf8) }
        return lines
    }
}

/// What a media description of ours says about our end of a DTLS association.
struct DTLSFace: Hashable {
    let fingerprint: CertificateFingerprint
    let setup: SetupAttribute
    /// nil in an answer to somebody who has none (RFC 8842 §5.3).
    var tlsID: [UInt8]?

    func write(into lines: inout [UInt8]) {
        fingerprint.write(into: &lines)
        lines.append(contentsOf: "a=setup:\(setup.rawValue)\r\n".utf8)
        guard let tlsID else { return }
        lines.append(contentsOf: "a=tls-id:".utf8)
        lines.append(contentsOf: tlsID)
        lines.append(contentsOf: "\r\n".utf8)
    }

    /// A new `tls-id` of 120 bits (RFC 8842 §4).
    static func newID() -> [UInt8] {
        let digits: [UInt8] = Array("0123456789abcdef".utf8)
        var generator = SystemRandomNumberGenerator()
        return (0..<30).map { _ in digits[Int.random(in: 0..<16, using: &generator)] }
    }
}
