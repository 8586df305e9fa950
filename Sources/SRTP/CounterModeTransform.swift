import NetworkTypes

/// AES in counter mode with HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1), for RTP or for RTCP.
final class CounterModeTransform {
    private let cipher: CounterModeCipher
    private let mac: HMACSHA1
    private let salt: CounterBlock

    init(_ keys: SessionKeys) throws(SRTPError) {
        guard let cipher = CounterModeCipher(key: keys.encryption), let mac = HMACSHA1(key: keys.authentication) else {
            throw .failed
        }
        self.cipher = cipher
        self.mac = mac
        salt = CounterBlock(salt: keys.salt)
    }

    func crypt(_ text: UnsafeMutableRawBufferPointer, ssrc: UInt32, index: UInt64) throws(SRTPError) {
        try cipher.crypt(text, from: salt.at(ssrc: ssrc, index: index))
    }

    func seal(
        _ text: UnsafeMutableRawBufferPointer, rollover: UInt32?, tag place: UnsafeMutableRawBufferPointer
    ) throws(SRTPError) {
        try mac.tag(text, rollover: rollover).write(to: place)
    }

    func verify(
        _ text: UnsafeMutableRawBufferPointer, rollover: UInt32?, tag place: UnsafeMutableRawBufferPointer
    ) throws(SRTPError) {
        guard try mac.tag(text, rollover: rollover).matches(place) else { throw .authentication }
    }
}
