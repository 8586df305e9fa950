import Dispatch
import OutboundProxy
import Reactor
import TLS
import Testing

@testable import sallyport

@Suite("State directory")
struct StateDirectoryTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    static let digits = String(repeating: "0a", count: 32)

    @Test("is made where there is none, for its owner alone, with a key that stays")
    func creation() throws {
        let path = directory["state"]
        let first = try StateDirectory(path: path)
        let keys = try first.tokenKeys()
        #expect(keys.previous == nil)
        #expect(try directory.mode(of: "state") == 0o700)
        #expect(try directory.mode(of: "state/token.key") == 0o600)
        #expect(try StateDirectory(path: path).tokenKeys() == keys)
        #expect(try StateDirectory(path: directory["other"]).tokenKeys() != keys)
    }

    @Test("gives two who start at the same moment the same key")
    func race() throws {
        let path = directory["token.key"]
        let found = Guarded<[TokenKeyFile.Keys]>([])
        DispatchQueue.concurrentPerform(iterations: 16) { _ in
            if let keys = try? TokenKeyFile.keys(at: path) { found.withLock { $0.append(keys) } }
        }
        let keys = found.withLock { $0 }
        #expect(keys.count == 16)
        #expect(keys.allSatisfy { $0 == keys[0] })
        #expect(try directory.names() == ["token.key"])
    }

    @Test("belongs to the one who opened it first")
    func ownership() throws {
        var first: StateDirectory? = try StateDirectory(path: directory.path)
        #expect(first?.isOwner == true)
        #expect(try StateDirectory(path: directory.path).isOwner == false)
        first = nil
        #expect(try StateDirectory(path: directory.path).isOwner)
    }

    @Test("refuses a directory where others may write")
    func openDirectory() throws {
        try directory.setMode(0o770, of: "")
        let error = #expect(throws: StateError.self) { try StateDirectory(path: directory.path) }
        #expect(error?.reason == "others than its owner may write there: chmod 700 \(directory.path)")
    }

    @Test("says which call failed on which path")
    func systemErrors() throws {
        let path = directory["missing/state"]
        let error = #expect(throws: StateError.self) { try StateDirectory(path: path) }
        #expect(error?.description == "\(path): mkdir: No such file or directory")
        try directory.write([], to: "file")
        #expect(throws: StateError.self) { try StateDirectory(path: directory["file"]) }
    }

    @Test("refuses a key file that others may read", arguments: [0o640, 0o604, 0o620])
    func openKey(mode: Int) throws {
        let state = try StateDirectory(path: directory.path)
        _ = try state.tokenKeys()
        try directory.setMode(mode, of: "token.key")
        let error = #expect(throws: StateError.self) { try state.tokenKeys() }
        #expect(error?.reason.contains("chmod 600") == true)
    }

    @Test("reads a current and a previous key, comments and blank lines")
    func twoKeys() throws {
        let text = "# keys\n\n 9 \(Self.digits)\t\r\n  # old\n8 \(Self.digits.uppercased())\n"
        let keys = try TokenKeyFile.parse(text, path: "k")
        let octets = [UInt8](repeating: 10, count: 32)
        #expect(keys.current == DeterministicCipher.Key(id: 9, octets: octets))
        #expect(keys.previous == DeterministicCipher.Key(id: 8, octets: octets))
    }

    @Test(
        "security 37: names file and line of a bad key, and never the key",
        arguments: [
            ("", "k: holds no key"), ("# nothing\n", "k: holds no key"),
            ("1 \(digits)\n1 \(digits)\n", "k:2: both keys have the id 1"),
            ("1 \(digits)\n2 \(digits)\n3 \(digits)\n", "k:3: only two keys are accepted"),
            ("\n256 \(digits)\n", "k:2: expected a key id (0-255) and 64 hexadecimal digits"),
            ("1 \(digits)0\n", "k:1: expected a key id (0-255) and 64 hexadecimal digits"),
            ("1 \(digits.dropLast(2))\n", "k:1: expected a key id (0-255) and 64 hexadecimal digits"),
            ("1 \(digits.dropLast())g\n", "k:1: expected a key id (0-255) and 64 hexadecimal digits"),
            ("1\n", "k:1: expected a key id (0-255) and 64 hexadecimal digits"),
            ("1 \(digits) x\n", "k:1: expected a key id (0-255) and 64 hexadecimal digits"),
            ("-1 \(digits)\n", "k:1: expected a key id (0-255) and 64 hexadecimal digits"),
        ])
    func badKeys(text: String, message: String) {
        let error = #expect(throws: StateError.self) { try TokenKeyFile.parse(text, path: "k") }
        #expect(error?.description == message)
        #expect(error?.description.contains("0a0a") == false)
    }

    @Test("makes tokens that open after a restart, long originals included")
    func tokensSurviveRestart() throws {
        let uris = ["sip:s@192.168.0.2:5060;line=vtqvcuo", "sip:s@192.168.0.2;x=" + String(repeating: "y", count: 300)]
            .map { TokenContent.registration(uri: Array($0.utf8)) }
        func codec() throws -> (codec: TokenCodec, store: DurableTokenStore) {
            let state = try StateDirectory(path: directory.path)
            let (keys, store) = (try state.tokenKeys(), try state.tokenStore())
            let cipher = DeterministicCipher(current: keys.current, previous: keys.previous)
            return (TokenCodec(cipher: cipher, store: store), store)
        }
        let before = try codec()
        let tokens = uris.map { before.codec.token(for: $0, callID: []) ?? [] }
        before.store.flush()
        let after = try codec()
        #expect(tokens.map { after.codec.content(of: $0[...], callID: []) } == uris)
        #expect(uris.map { after.codec.token(for: $0, callID: []) ?? [] } == tokens)
    }
}
