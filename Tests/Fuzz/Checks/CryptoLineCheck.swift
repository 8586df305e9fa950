import NetworkTypes
import SDP

/// What must hold for anything behind `a=crypto:`; each line of the input is one.
public enum CryptoLineCheck {
    public static func run(_ input: [UInt8]) {
        var body = Array("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/SAVP 0\r\n".utf8)
        for line in input.split(whereSeparator: { $0 == 10 || $0 == 13 }) {
            body += Array("a=crypto:".utf8) + line + [13, 10]
        }
        SessionCheck.run(body)
        guard let audio = try? SessionDescription(body).media.first else { return }
        precondition(audio.crypto.count <= audio.cryptoLines, "a line is at most one")
        for keys in audio.crypto.map(\.keys) {
            precondition(keys.key.count == keys.suite.keyLength, "a key is as long as its suite says")
            precondition(keys.salt.count == keys.suite.saltLength, "a salt too")
            precondition(keys.mki.count <= 128, "an identifier is short")
        }
    }
}
