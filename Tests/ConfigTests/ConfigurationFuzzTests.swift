import Config
import Testing

/// A small generator with a seed, so that a failure can be repeated.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

@Suite("Damaged configurations")
struct ConfigurationFuzzTests {
    /// Tokens that mean something to YAML or to us.
    private static let tokens: [[UInt8]] = [
        "&a ", "*a", "!!int ", "? ", "- ", "[", "]", "{", "}", ": ", "null", "~", "\"", "'", "|\n", ">\n", "#", "\t",
        "\r",
        "\u{0}", "\u{85}", "\u{2028}", "---\n", "...\n", "%YAML 1.1\n", "\\ud800", "\"\\xff\"", "99999999999999999999",
        "-1", "0x7f", "::", "yes", "auto", "10000-1", "1e9s", "sip:", "sip:[", ";", "@", "é",
    ].map { Array($0.utf8) }

    private static func mutate(_ original: [UInt8], with random: inout SplitMix) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            let end = min(bytes.count, at + Int.random(in: 1...40, using: &random))
            switch Int.random(in: 0..<7, using: &random) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.removeSubrange(at..<end)
            case 3: bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &random))
            case 4: bytes.removeSubrange(at...)
            default: bytes.insert(contentsOf: tokens[Int.random(in: 0..<tokens.count, using: &random)], at: at)
            }
        }
        return bytes
    }

    /// The file without its comments, so that changes meet YAML and not prose.
    private static func body() throws -> [UInt8] {
        let text = String(decoding: try ConfigFiles.bytes("sallyport.yaml"), as: UTF8.self)
        let lines = text.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("#") }
        return Array(lines.joined(separator: "\n").utf8)
    }

    @Test("security 38: ten thousand mutated files are read or refused, each refusal with a place", arguments: 0..<4)
    func mutated(seed: UInt64) throws {
        let original = seed < 3 ? try Self.body() : try ConfigFiles.bytes("sallyport.yaml")
        var random = SplitMix(state: seed)
        var accepted = 0
        for _ in 0..<2500 {
            let bytes = Self.mutate(original, with: &random)
            do {
                let configuration = try Configuration(yaml: bytes, file: "f")
                // What was accepted can be printed and read again.
                let again = try Configuration(yaml: Array(configuration.effectiveYAML.utf8), file: "f")
                #expect(again.effectiveYAML == configuration.effectiveYAML)
                accepted += 1
            } catch {
                for error in error.errors where error.position == nil {
                    #expect(error.message.contains("empty") || error.message.contains("not YAML"), "\(error)")
                }
                #expect(!error.description.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
            }
        }
        #expect(accepted > 0 && accepted < 2500)
    }

    @Test("security 38: every prefix of the file is read or refused")
    func prefixes() throws {
        let bytes = try Self.body()
        for count in 0..<bytes.count { _ = complaints(Array(bytes[..<count])) }
    }

    @Test("security 38: alias bombs, deep nesting and long keys are refused at once")
    func bombs() {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<30 {
            bomb +=
                "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ") + "]\n"
        }
        bomb += "{*a29 : x}: y\n"
        #expect(complaints(bomb).contains("anchors"))
        // What stands behind a comment that is none is never parsed, so nothing can hide there.
        #expect(complaints("\"a\n # b\": [&x [1], *x]\n").contains("unexpected end of stream"))
        let staircase = (0..<900).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        #expect(complaints(staircase).contains("unknown key 'a'"))
        let deeper = (0..<1400).map { String(repeating: "-", count: 1) + String(repeating: " - ", count: $0 % 3) }
        #expect(!complaints(deeper.joined(separator: "\n")).isEmpty)
        #expect(complaints(String(repeating: "- ", count: 5000)).contains("not YAML"))
        #expect(complaints(String(repeating: "k", count: 900) + ": 1").count < 400)
    }
}
