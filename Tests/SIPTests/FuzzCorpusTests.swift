import Foundation
import FuzzChecks
import TestSupport
import Testing

/// Replays what fuzzing has found, `Tests/Fuzz/Corpus`: an input that trapped once must not trap again.
@Suite struct FuzzCorpusTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fuzz/Corpus")

    private static func inputs(of target: String) throws -> [[UInt8]] {
        try FileManager.default.contentsOfDirectory(
            at: folder.appendingPathComponent(target), includingPropertiesForKeys: nil
        )
        .map { [UInt8](try Data(contentsOf: $0)) }
    }

    @Test(arguments: ["message", "stream", "uri", "sdp", "proxy", "relay", "srtp", "crypto", "tls", "dtls", "stun"])
    func `past finds are handled`(target: String) throws {
        let inputs = try Self.inputs(of: target)
        #expect(!inputs.isEmpty)
        for input in inputs { Self.run(target, input) }
    }

    @Test(.enabled(if: Corpus.isPresent), arguments: ["message", "uri", "proxy"])
    func `the torture messages satisfy every check`(target: String) throws {
        for folder in ["ietf-rfc4475", "ietf-rfc5118", "sipgo-fuzz-finds", "belle-sip-afl"] {
            for seed in try Seeds.messages(of: folder) { Self.run(target, seed) }
        }
    }

    @Test(.enabled(if: Corpus.isPresent)) func `session descriptions satisfy every check`() throws {
        for file in Corpus.files(in: "ietf-sdp", suffix: ".sdp") { SessionCheck.run(try Corpus.bytes(file)) }
    }

    private static func run(_ target: String, _ input: [UInt8]) {
        switch target {
        case "message": MessageCheck.run(input)
        case "stream": StreamCheck.run(input)
        case "uri": FieldCheck.run(input)
        case "sdp": SessionCheck.run(input)
        case "relay": RelayCheck.run(input)
        case "srtp": SecurePacketCheck.run(input)
        case "crypto": CryptoLineCheck.run(input)
        case "tls": HandshakeCheck.run(input)
        case "dtls": KeyingCheck.run(input)
        case "stun": STUNCheck.run(input)
        default: ProxyCheck.run(input)
        }
    }
}
