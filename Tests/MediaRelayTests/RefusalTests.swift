import MediaRelay
import NetworkTypes
import SDP
import Testing

@Suite("What can't be anchored is refused with the right response")
struct RefusalTests {
    private func refuse(_ body: String) -> MediaRefusal? {
        let scenario = AnchorScenario()
        do {
            try scenario.offer(body)
            return nil
        } catch {
            #expect(scenario.free == [20, 20])
            return error
        }
    }

    private static let plain = audio("192.168.0.2", 4000)
    private static let table: [(body: String, status: Int)] = [
        ("hello", 400),
        ("", 400),
        (plain.replacing("c=IN IP4 192.168.0.2\r\n", with: ""), 400),
        (plain.replacing("c=IN", with: "c=TN"), 400),
        (plain.replacing("RTP/AVP", with: "RTP/SAVP"), 488),
        (plain.replacing("RTP/AVP", with: "UDP/TLS/RTP/SAVPF"), 488),
        (plain.replacing("4000", with: "4000/2"), 488),
        (plain + "m=video 4002 RTP/AVP 31\r\nc=IN IP6 fd00::2\r\n", 488),
        (audio("127.0.0.1", 4000), 488),
        (plain + String(repeating: "m=video 0 RTP/AVP 31\r\n", count: 32), 488),
        (plain + String(repeating: "a=setup:x\r\n", count: 1_025), 488),
        (plain + String(repeating: "a=x\r\n", count: 20_000), 513),
        (plain + String(repeating: "m=video 4002 RTP/AVP 31\r\n", count: 30), 503),
    ]

    @Test("Offers", arguments: table.indices)
    func offers(_ index: Int) throws {
        let refusal = try #require(refuse(Self.table[index].body))
        #expect(refusal.statusCode == Self.table[index].status, "\(refusal)")
        #expect(!refusal.description.isEmpty && !refusal.description.contains("\n"))
    }

    @Test("security 14: a body that would grow beyond 64 kB is refused")
    func growth() {
        let scenario = AnchorScenario(
            caller: .pbx, callee: MediaPeer(side: .outside, family: .v6, signallingAddress: ip("2001:db8:7::7")))
        let head = sdp("v=0", "c=IN IP4 1.1.1.1", "m=audio 4000 RTP/AVP 0")
        let body = head + String(repeating: "x", count: 65_536 - head.utf8.count)
        #expect(body.utf8.count == 65_536)
        #expect(throws: MediaRefusal.tooLarge) { try scenario.offer(body) }
        #expect(scenario.anchor.freePairs(on: .inside, .v4) == 20)
        #expect(scenario.binder.bound.isEmpty)
    }

    @Test("A secured answer to a plain offer")
    func securedAnswer() throws {
        let scenario = AnchorScenario()
        try scenario.offer(audio("192.168.0.2", 4000))
        #expect(throws: MediaRefusal.notAcceptable(.secureMedia)) {
            try scenario.answer(audio("198.51.100.7", 5000).replacing("RTP/AVP", with: "RTP/SAVP"))
        }
        #expect(throws: MediaRefusal.notAcceptable(.otherMedia)) {
            try scenario.answer(audio("198.51.100.7", 5000).replacing("RTP/AVP", with: "udptl"))
        }
        #expect(throws: MediaRefusal.notAcceptable(.otherFamily)) { try scenario.answer(audio("2001:db8:9::9", 5000)) }
    }

    @Test("A side without an address of the family")
    func family() {
        var settings = AnchorScenario.settings
        settings.outside.v6 = nil
        let scenario = AnchorScenario(
            settings, callee: MediaPeer(side: .outside, family: .v6, signallingAddress: ip("2001:db8:7::7")))
        #expect(throws: MediaRefusal.notAcceptable(.noAddress(.outside, .v6))) {
            try scenario.offer(audio("192.168.0.2", 4000))
        }
    }

    @Test("More than sixteen offers at a time")
    func manyOffers() throws {
        let scenario = AnchorScenario()
        for number in UInt64(1)...16 {
            try scenario.offer(sdp("v=0"), exchange: number)
        }
        #expect(throws: MediaRefusal.notAcceptable(.tooManyExchanges)) { try scenario.offer(sdp("v=0"), exchange: 17) }
    }
}
