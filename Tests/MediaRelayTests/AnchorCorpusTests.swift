import MediaRelay
import NetworkTypes
import SDP
import TestSupport
import Testing

@Suite("Bodies of others are anchored", .enabled(if: Corpus.isPresent))
struct AnchorCorpusTests {
    /// A relay with as many ports as any body needs, for peers of both families wherever they are.
    private static let settings = RelaySettings(
        inside: .init(v4: .init(ip("192.168.255.1")), v6: .init(ip("fd77::1"))),
        outside: .init(v4: .init(ip("203.0.113.1")), v6: .init(ip("2001:db8:ff::1"))), ports: 30_000...30_127,
        allowed: [IPNetwork("127.0.0.0/8")!])

    @Test("and leave with our addresses, without leg attributes, and otherwise as they came")
    func anchored() throws {
        var accepted = 0
        for file in Corpus.sessionDescriptions {
            let body = try Corpus.bytes(file)
            let text = String(decoding: body, as: UTF8.self)
            let scenario = AnchorScenario(Self.settings)
            // Lines that cross as they are keep their addresses.
            if isPartlyLeftAlone(body) { continue }
            guard let written = try? scenario.offer(text) else { continue }
            accepted += 1
            try compare(body, Array(written.utf8), file)
            _ = try? scenario.answer(text, from: .callee)
            scenario.close()
            #expect(scenario.binder.bound.isEmpty, "\(file)")
        }
        #expect(accepted > 400)
    }

    private func isPartlyLeftAlone(_ body: [UInt8]) -> Bool {
        let description = try? SessionDescription(body)
        return description?.media.contains { $0.port != 0 && $0.transport == .stream } ?? false
    }

    private func compare(_ received: [UInt8], _ written: [UInt8], _ file: String) throws {
        let (before, after) = (try SessionDescription(received), try SessionDescription(written))
        #expect(lines(before, untouched: true) == lines(after, untouched: true), "\(file)")
        #expect(before.media.map(\.formats).map(before.bytes.text) == after.media.map(\.formats).map(after.bytes.text))
        for field in after.fields {
            switch field {
            case .attribute(let attribute):
                if attribute.name != .rtcpFeedback { Issue.record("\(file): a leg attribute leaves") }
            case .connection(let data):
                #expect(data.address == .ip(ip("203.0.113.1")) || data.address == .unspecified, "\(file)")
            case .origin(let range): #expect(after.bytes.text(range) == "IP4 203.0.113.1", "\(file)")
            case .media(let index): #expect(after.media[index].port == 0 || after.media[index].port >= 30_000)
            }
        }
        for address in addresses(of: before) {
            #expect(!String(decoding: written, as: UTF8.self).contains(address), "\(file): \(address) leaves")
        }
    }

    /// The lines without those that a rewrite touches, in order.
    private func lines(_ description: SessionDescription, untouched: Bool) -> [Substring] {
        String(decoding: description.bytes, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
            .filter { line in
                if line.hasPrefix("o=") || line.hasPrefix("c=") || line.hasPrefix("m=") { return false }
                guard let alone = try? SessionDescription(Array(("v=0\r\n" + line).utf8)) else { return true }
                return alone.fields.allSatisfy(isFeedback)
            }
    }

    /// Feedback stays where the profile does.
    private func isFeedback(_ field: SessionDescription.Field) -> Bool {
        guard case .attribute(let attribute) = field else { return false }
        return attribute.name == .rtcpFeedback
    }

    /// The addresses that SDP names as its sender's, but for those that say nothing.
    private func addresses(of description: SessionDescription) -> Set<String> {
        var found: Set<String> = []
        for field in description.fields {
            switch field {
            case .connection(let data): found.insert(word(description.bytes.text(data.range)))
            case .origin(let range): found.insert(word(description.bytes.text(range)))
            case .attribute(let attribute) where attribute.name == .candidate:
                let words = description.bytes.text(attribute.value).split(separator: " ")
                if words.count > 4 { found.insert(String(words[4])) }
            default: break
            }
        }
        return found.subtracting(["0.0.0.0", "::"])
    }

    private func word(_ text: String) -> String { text.split(separator: " ").last.map(String.init) ?? "" }

    @Test("security 15: any single-byte mutation is handled, and nothing leaks")
    func mutations() throws {
        let scenario = AnchorScenario(Self.settings)
        let count = OctetMutations.forEach(of: try Corpus.fiftyBodies(), sample: 1) { anchor($0, scenario) }
        #expect(count > 9_000)
        #expect(scenario.binder.bound.isEmpty)
        #expect(scenario.anchor.sessionCount <= 1)
    }

    private func anchor(_ body: [UInt8], _ scenario: AnchorScenario) {
        scenario.session = scenario.anchor.open(caller: .pbx, callee: .trunk)
        let offer = try? scenario.anchor.offer(
            body[...], in: scenario.session, from: .caller, exchange: 1, sender: .pbx, receiver: .trunk)
        if let offer {
            if (try? SessionDescription(offer)) == nil { Issue.record("what leaves can't be read") }
            _ = try? scenario.anchor.answer(
                body[...], in: scenario.session, from: .callee, exchange: 1, fork: 0, sender: .trunk)
        }
        scenario.close()
        _ = scenario.takeCommands()
    }
}
