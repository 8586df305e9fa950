import NetworkTypes

/// The keys that one master key gives for RTP, or for RTCP (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11). The key
/// derivation rate is always zero: SDP has a session parameter for another one, and lines with it are refused.
struct SessionKeys {
    /// The labels of RFC 3711 §4.3.2.
    enum Use: UInt8 {
        case media = 0
        case control = 3
    }

    let encryption: [UInt8]
    let authentication: [UInt8]
    let salt: [UInt8]
}

extension SessionKeys {
    init(_ master: KeyingMaterial, _ use: Use) throws(SRTPError) {
        guard let cipher = CounterModeCipher(key: master.key) else { throw .failed }
        let salt = CounterBlock(salt: master.salt)
        func derive(_ label: UInt8, _ count: Int) throws(SRTPError) -> [UInt8] {
            var block = salt
            // The label is above the 48 bits of an index.
            block.high ^= UInt64(label)
            var octets = [UInt8](repeating: 0, count: count)
            var span = octets.mutableSpan
            try span.withUnsafeMutableBytes { bytes throws(SRTPError) in try cipher.crypt(bytes, from: block) }
            return octets
        }
        encryption = try derive(use.rawValue, master.suite.keyLength)
        authentication = master.suite.isAEAD ? [] : try derive(use.rawValue + 1, HMACSHA1.keyLength)
        self.salt = try derive(use.rawValue + 2, master.suite.saltLength)
    }
}
