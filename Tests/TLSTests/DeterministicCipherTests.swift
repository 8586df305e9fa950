import COpenSSL
import TLS
import Testing

@Suite("Deterministic cipher")
struct DeterministicCipherTests {
    typealias Key = DeterministicCipher.Key

    static func hex(_ text: String) -> [UInt8] {
        let digits = text.filter { !$0.isWhitespace }.utf8.compactMap { UInt8(String(UnicodeScalar($0)), radix: 16) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    static func randomBytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: 0 ... .max) } }

    /// The same by libcrypto's own AES-SIV: synthetic IV, then ciphertext.
    static func reference(_ plaintext: [UInt8], _ associatedData: [UInt8], key: Key) -> [UInt8]? {
        let cipher = EVP_CIPHER_fetch(nil, "AES-128-SIV", nil)
        let context = EVP_CIPHER_CTX_new()
        defer {
            EVP_CIPHER_free(cipher)
            EVP_CIPHER_CTX_free(context)
        }
        var length: Int32 = 0
        var (text, tag) = ([UInt8](repeating: 0, count: plaintext.count), [UInt8](repeating: 0, count: 16))
        guard EVP_EncryptInit_ex2(context, cipher, key.octets, nil, nil) == 1,
            EVP_EncryptUpdate(context, nil, &length, associatedData, Int32(associatedData.count)) == 1,
            EVP_EncryptUpdate(context, &text, &length, plaintext, Int32(plaintext.count)) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, &tag) == 1
        else { return nil }
        return tag + text
    }

    @Test("gives the octets of RFC 5297 A.1")
    func rfcVector() throws {
        let octets = Self.hex("fffefdfc fbfaf9f8 f7f6f5f4 f3f2f1f0 f0f1f2f3 f4f5f6f7 f8f9fafb fcfdfeff")
        let cipher = DeterministicCipher(current: try #require(Key(id: 7, octets: octets)))
        let associatedData = Self.hex("10111213 14151617 18191a1b 1c1d1e1f 20212223 24252627")
        let plaintext = Self.hex("11223344 55667788 99aabbcc ddee")
        let sealed = cipher.seal(plaintext, associatedData: associatedData)
        #expect(sealed == [7] + Self.hex("85632d07 c6e8f37f 950acd32 0a2ecc93 40c02b96 90c4dc04 daef7f6a fe5c"))
        #expect(cipher.open(sealed, associatedData: associatedData) == plaintext)
    }

    @Test("agrees with libcrypto's AES-SIV on every pair of lengths up to 70 octets")
    func agreesWithReference() {
        let key = Key(randomWithID: 1)
        let cipher = DeterministicCipher(current: key)
        for length in 1...70 {
            for associatedLength in 1...70 {
                let plaintext = Self.randomBytes(length)
                let associatedData = Self.randomBytes(associatedLength)
                let sealed = cipher.seal(plaintext, associatedData: associatedData)
                let isEqual = Self.reference(plaintext, associatedData, key: key) == Array(sealed.dropFirst())
                #expect(isEqual, "\(length) octets, \(associatedLength) of associated data")
            }
        }
    }

    @Test("opens what it sealed, whatever the length", arguments: [0, 1, 15, 16, 17, 54, 4096])
    func roundTrip(length: Int) {
        let cipher = DeterministicCipher(current: Key(randomWithID: 1))
        let plaintext = Self.randomBytes(length)
        for associatedData in [[], [1], Self.randomBytes(200)] as [[UInt8]] {
            let sealed = cipher.seal(plaintext, associatedData: associatedData)
            #expect(sealed.count == 17 + length)
            #expect(cipher.open(sealed, associatedData: associatedData) == plaintext)
        }
    }

    @Test("gives the same octets from every instance with the same key")
    func isDeterministic() {
        let key = Key(randomWithID: 1)
        let text = Array("sip:s@192.168.0.2:5060;line=vtqvcuo".utf8)
        let first = DeterministicCipher(current: key).seal(text, associatedData: [1])
        let second = DeterministicCipher(current: key, previous: Key(randomWithID: 2)).seal(text, associatedData: [1])
        #expect(first == second)
    }

    @Test("opens nothing that differs by one bit, in text, associated data or length")
    func authenticates() {
        let cipher = DeterministicCipher(current: Key(randomWithID: 1), previous: Key(randomWithID: 0))
        let associatedData = Self.randomBytes(24)
        let sealed = cipher.seal(Self.randomBytes(30), associatedData: associatedData)
        for bit in 0..<sealed.count * 8 {
            var forged = sealed
            forged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(cipher.open(forged, associatedData: associatedData) == nil)
        }
        for bit in 0..<associatedData.count * 8 {
            var other = associatedData
            other[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(cipher.open(sealed, associatedData: other) == nil)
        }
        for length in 0..<sealed.count {
            #expect(cipher.open(Array(sealed.prefix(length)), associatedData: associatedData) == nil)
        }
        #expect(cipher.open(sealed + [0], associatedData: associatedData) == nil)
        #expect(cipher.open(sealed, associatedData: []) == nil)
    }

    @Test("opens what the previous key sealed, and no older one")
    func rotation() {
        let keys = (1...3).map { Key(randomWithID: UInt8($0)) }
        let ciphers = keys.map { DeterministicCipher(current: $0) }
        let cipher = DeterministicCipher(current: keys[2], previous: keys[1])
        let sealed = ciphers.map { $0.seal([1, 2, 3], associatedData: []) }
        #expect(sealed.map { cipher.open($0, associatedData: []) } == [nil, [1, 2, 3], [1, 2, 3]])
        #expect(cipher.seal([1, 2, 3], associatedData: []) == sealed[2])
    }

    @Test("takes keys of 32 octets only", arguments: [0, 16, 31, 33, 64])
    func keyLength(length: Int) {
        #expect(Key(id: 1, octets: Self.randomBytes(length)) == nil)
    }
}
