import NetworkTypes
import Testing

@testable import SRTP

/// The test vectors of RFC 3711, RFC 6188 and RFC 7714. Most are about keys that no master key is known for, so they are
/// given to the parts; the packets at the end go through both back ends.
@Suite("Test vectors")
struct VectorTests {
    struct KeyStream: Sendable {
        let key: String
        let first: String
        let last: String
    }

    @Test(
        "RFC 3711 B.2 and RFC 6188 7.1: the key stream, its last blocks past 65,000 included",
        arguments: [
            KeyStream(
                key: "2B7E151628AED2A6ABF7158809CF4F3C",
                first:
                    "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0",
                last:
                    "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44"
            ),
            KeyStream(
                key: "57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98",
                first:
                    "92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31",
                last:
                    "cea518c90fd91ced9cbb18c078a54711 3dbc4814f4da5f00a08772b63c6a046d 6eb246913062a16891433e97dd01a57f"
            ),
        ])
    func keyStream(_ vector: KeyStream) throws {
        let cipher = try #require(CounterModeCipher(key: hex(vector.key)))
        let block = CounterBlock(salt: hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD")).at(ssrc: 0, index: 0)
        var text = [UInt8](repeating: 0, count: 0xff02 * 16)
        var span = text.mutableSpan
        try span.withUnsafeMutableBytes { bytes throws(SRTPError) in try cipher.crypt(bytes, from: block) }
        #expect(Array(text.prefix(48)) == hex(vector.first))
        #expect(Array(text.suffix(48)) == hex(vector.last))
    }

    @Test("RFC 3711 B.3: session keys of a 128-bit master key")
    func derivation128() throws {
        let master = try #require(
            KeyingMaterial(
                .aes128SHA1x80, key: hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
                salt: hex("0EC675AD498AFEEBB6960B3AABE6")))
        let keys = try SessionKeys(master, .media)
        #expect(keys.encryption == hex("C61E7A93744F39EE10734AFE3FF7A087"))
        #expect(keys.salt == hex("30CBBC08863D8C85D49DB34A9AE1"))
        #expect(keys.authentication == hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"))
    }

    @Test("RFC 6188 7.2: session keys of a 256-bit master key")
    func derivation256() throws {
        let master = try #require(
            KeyingMaterial(
                .aes256SHA1x80, key: hex("f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6"),
                salt: hex("3b04803de51ee7c96423ab5b78d2")))
        let keys = try SessionKeys(master, .media)
        #expect(keys.encryption == hex("5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4"))
        #expect(keys.salt == hex("fa31791685ca444a9e07c6c64e93"))
        #expect(keys.authentication == hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"))
    }

    // MARK: RFC 7714

    static let salt = "51756964 2070726f 2071756f"
    static let key = "000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f"
    static let plain = hex(
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573"
    )
    static let plainControl = hex(
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef"
    )

    private func transform(_ suite: CryptoSuite) throws -> SRTPTransform {
        let keys = SessionKeys(
            encryption: Array(hex(Self.key).prefix(suite.keyLength)), authentication: [], salt: hex(Self.salt))
        return try SRTPTransform(suite, media: keys, control: keys)
    }

    @Test(
        "RFC 7714 16.1.1, 16.1.2, 16.2.1, 16.2.2: an RTP packet there and back",
        arguments: [
            (
                CryptoSuite.aes128GCM,
                "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce"
            ),
            (
                CryptoSuite.aes256GCM,
                "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13"
            ),
        ])
    func gcm(_ suite: CryptoSuite, _ protected: String) throws {
        let transform = try transform(suite)
        var slot = Self.plain + [UInt8](repeating: 0, count: 16)
        let count = Self.plain.count
        var span = slot.mutableSpan
        try span.withUnsafeMutableBytes { slot throws(SRTPError) in
            guard let layout = PacketLayout(slot, count) else { throw .malformed }
            _ = try transform.protect(slot, count, layout, index: 0xf17b)
        }
        #expect(slot == hex(protected))
        var back = slot.mutableSpan
        try back.withUnsafeMutableBytes { slot throws(SRTPError) in
            guard let layout = PacketLayout(slot, count) else { throw .malformed }
            try transform.unprotect(slot, count, layout, index: 0xf17b)
        }
        #expect(Array(slot.prefix(count)) == Self.plain)
    }

    @Test(
        "RFC 7714 17.1 to 17.4: RTCP packets, encrypted and only tagged",
        arguments: [
            (
                CryptoSuite.aes128GCM,
                "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4"
            ),
            (
                CryptoSuite.aes256GCM,
                "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4"
            ),
            (
                CryptoSuite.aes128GCM,
                "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4"
            ),
            (
                CryptoSuite.aes256GCM,
                "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef 91db4afb feee5a97 8fab4393 ed2615fe 000005d4"
            ),
        ])
    func gcmControl(_ suite: CryptoSuite, _ protected: String) throws {
        let transform = try transform(suite)
        var slot = hex(protected)
        let length = slot.count
        var span = slot.mutableSpan
        let (plain, word) = try span.withUnsafeMutableBytes { slot throws(SRTPError) in
            let plain = try transform.plainControlLength(length)
            let word = transform.controlWord(slot, plain)
            try transform.unprotectControl(slot, plain, ssrc: 0x4d61_7273, word: word)
            return (plain, word)
        }
        #expect(Array(slot.prefix(plain)) == Self.plainControl)
        #expect(word & 0x7fff_ffff == 0x5d4)
        guard word != 0x5d4 else { return }
        var back = slot.mutableSpan
        _ = try back.withUnsafeMutableBytes { slot throws(SRTPError) in
            try transform.protectControl(slot, plain, ssrc: 0x4d61_7273, index: 0x5d4)
        }
        #expect(slot == hex(protected))
    }

    // MARK: Whole packets

    @Test(
        "a packet under the keys of RFC 3711 B.3, and one under GCM, by both back ends",
        arguments: [
            (
                CryptoSuite.aes128SHA1x80, "e1f97a0d3e018be0d64fa32c06de4139", "0ec675ad498afeebb6960b3aabe6",
                "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"
            ),
            (
                CryptoSuite.aes128GCM, "000102030405060708090a0b0c0d0e0f", "a0a1a2a3a4a5a6a7a8a9aaab",
                "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392"
            ),
        ], SRTPContext.BackEnd.allCases)
    func packet(_ vector: (CryptoSuite, String, String, String), _ backEnd: SRTPContext.BackEnd) throws {
        let keys = try #require(KeyingMaterial(vector.0, key: hex(vector.1), salt: hex(vector.2)))
        let plain = hex("800f1234decafbadcafebabe") + [UInt8](repeating: 0xab, count: 16)
        let protected = try SRTPContext(keys, .sending, backEnd: backEnd).protect(plain)
        #expect(protected == hex(vector.3))
        #expect(try SRTPContext(keys, .receiving, backEnd: backEnd).unprotect(protected) == plain)
    }
}
