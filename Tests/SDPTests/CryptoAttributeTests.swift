import NetworkTypes
import Testing

@testable import SDP

@Suite("Keys in session descriptions")
struct CryptoAttributeTests {
    /// 30, 46, 28 and 44 octets.
    static let key30 = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    static let key46 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLQ=="
    static let key28 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="
    static let key44 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis="

    private func read(_ value: String) -> CryptoAttribute? {
        let bytes = Array(value.utf8)
        return CryptoAttribute(bytes, 0..<bytes.count)
    }

    @Test(
        "lines that can be followed",
        arguments: [
            ("1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)", CryptoSuite.aes128SHA1x80, []),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|2^20", .aes128SHA1x80, []),
            ("999999999 aes_cm_128_hmac_sha1_32 INLINE:\(key30)|2^20|1:4", .aes128SHA1x32, [0, 0, 0, 1]),
            ("0 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|1:1", .aes128SHA1x80, [1]),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|1048576|66051:3", .aes128SHA1x80, [1, 2, 3]),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|7:10", .aes128SHA1x80, [0, 0, 0, 0, 0, 0, 0, 0, 0, 7]),
            ("1 AES_256_CM_HMAC_SHA1_80 inline:\(key46)", .aes256SHA1x80, []),
            ("1 AES_256_CM_HMAC_SHA1_32 inline:\(key46.dropLast(2))", .aes256SHA1x32, []),
            ("1 AEAD_AES_128_GCM inline:\(key28)", .aes128GCM, []),
            ("1 AEAD_AES_256_GCM inline:\(key44)  KDR=0\tWSH=128 -XYZ", .aes256GCM, []),
        ] as [(String, CryptoSuite, [UInt8])])
    func followed(_ line: String, _ suite: CryptoSuite, _ mki: [UInt8]) throws {
        let crypto = try #require(read(line))
        #expect(crypto.keys.suite == suite)
        #expect(crypto.keys.mki == mki)
    }

    @Test(
        "security 16: lines that can't be followed: malformed, out of range, or changing what we send",
        arguments: [
            "", "1", "1 AES_CM_128_HMAC_SHA1_80", "1 AES_CM_128_HMAC_SHA1_80 inline:",
            "1 AES_CM_128_HMAC_SHA1_80 inline",
            "x AES_CM_128_HMAC_SHA1_80 inline:\(key30)", "-1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)",
            "1000000000 AES_CM_128_HMAC_SHA1_80 inline:\(key30)", "1 F8_128_HMAC_SHA1_80 inline:\(key30)",
            "1 AES_CM_128_HMAC_SHA1_80 uri:\(key30)", "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)A",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30.dropLast())", "1 AES_CM_128_HMAC_SHA1_80 inline:\(key28)",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key46)", "1 AES_256_CM_HMAC_SHA1_80 inline:\(key30)",
            "1 AES_256_CM_HMAC_SHA1_80 inline:\(key46.dropLast(1))",
            "1 AES_256_CM_HMAC_SHA1_80 inline:\(key46.dropLast(2))xx",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30.dropLast())*", "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|2^49", "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|2^",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|0", "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|281474976710657",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|99999999999999999999999",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|2^20|1:0",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|2^20|1:129",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|2^20|256:1", "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|2^20|1:",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|1:4|2^20",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|2^20|1:4|x",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30)|2^20|1:4;inline:\(key30)|2^20|2:4",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30) KDR=1",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30) UNENCRYPTED_SRTP",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30) UNENCRYPTED_SRTCP",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30) UNAUTHENTICATED_SRTP",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30) FEC_ORDER=FEC_SRTP",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30) WSH=63", "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30) WSH=",
            "1 AES_CM_128_HMAC_SHA1_80 inline:\(key30) XYZ",
        ])
    func refused(_ line: String) { #expect(read(line) == nil) }

    @Test("what is written is read again", arguments: CryptoSuite.allCases)
    func roundTrip(_ suite: CryptoSuite) throws {
        for tag in [1, 999_999_999] as [UInt32] {
            let crypto = CryptoAttribute(tag: tag, keys: KeyingMaterial(random: suite))
            var line: [UInt8] = []
            crypto.write(into: &line)
            let text = String(decoding: line, as: UTF8.self)
            #expect(text.hasPrefix("a=crypto:\(tag) \(suite.name) inline:") && text.hasSuffix("\r\n"))
            #expect(CryptoAttribute(line, "a=crypto:".utf8.count..<line.count - 2) == crypto)
        }
    }

    @Test("security 16: every change of one octet of a line is handled")
    func mutations() {
        let line = Array("1 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key30)|2^20|1:4 WSH=64".utf8)
        for place in line.indices {
            for octet in UInt8.min ... .max {
                var mutant = line
                mutant[place] = octet
                if let crypto = CryptoAttribute(mutant, 0..<mutant.count) { #expect(crypto.keys.mki.count <= 128) }
            }
            #expect(place == 0 || CryptoAttribute(line, 0..<place) == nil || place >= 73)
        }
    }

    // MARK: Bodies

    private func body(_ lines: String...) throws -> SessionDescription {
        try SessionDescription(Array((["v=0", "c=IN IP4 192.0.2.1"] + lines).joined(separator: "\r\n").utf8))
    }

    @Test("lines belong to their media description; none at session level; a repeated tag counts once")
    func lines() throws {
        let line = "AES_CM_128_HMAC_SHA1_80 inline:\(Self.key30)"
        let read = try body(
            "a=crypto:1 \(line)", "m=audio 4000 RTP/SAVP 0", "a=crypto:1 \(line)", "a=crypto:2 F8 inline:x",
            "a=CRYPTO:1 \(line)", "a=crypto:3 \(line)", "m=video 4002 rtp/savpf 31")
        #expect(read.media[0].crypto.map(\.tag) == [1, 3])
        #expect(read.media[0].cryptoLines == 4)
        #expect(read.media[0].profile == RTPProfile(isSecure: true))
        #expect(read.media[1].crypto.isEmpty && read.media[1].cryptoLines == 0)
        #expect(read.media[1].profile == RTPProfile(isSecure: true, hasFeedback: true))
    }

    @Test("security 16: 16 lines are taken, 17 are refused")
    func tooMany() throws {
        let lines = (1...17).map { "a=crypto:\($0) x" }
        let start = ["v=0", "m=audio 4000 RTP/AVP 0"]
        let taken = try SessionDescription(Array((start + lines.dropLast()).joined(separator: "\r\n").utf8))
        #expect(taken.media[0].cryptoLines == 16)
        #expect(throws: SDPError.tooManyFields) {
            try SessionDescription(Array((start + lines).joined(separator: "\r\n").utf8))
        }
    }

    @Test("lines are written at the end of their media description, whatever the body ends with")
    func written() throws {
        let description = try body("m=audio 4000 RTP/AVP 0", "a=sendrecv", "m=video 4002 RTP/AVP 31")
        let crypto = CryptoAttribute(
            tag: 1, keys: try #require(read("1 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key30)")).keys)
        var writer = SDPWriter(description)
        writer.replace(description.media[0].transportRange, with: RTPProfile(isSecure: true))
        writer.insert([crypto], at: description.media[0].end)
        writer.insert([crypto], at: description.media[1].end)
        let line = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:\(Self.key30)\r\n"
        #expect(
            String(decoding: writer.finish(), as: UTF8.self)
                == "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/SAVP 0\r\na=sendrecv\r\n\(line)m=video 4002 RTP/AVP 31\r\n\(line)"
        )
    }
}
