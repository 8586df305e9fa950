import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// `qualify`: OPTIONS of our own to each target of a trunk.
@Suite struct QualifyTests {
    private func proxy(_ trunks: TrunkSettings...) -> ProxyHarness {
        let proxy = ProxyHarness(trunks: trunks)
        proxy.core.startQualifying(at: proxy.now)
        return proxy
    }

    private static let named = TrunkSettings(name: "itsp", domain: Targets.name, qualify: .seconds(30))

    @Test func `each target is asked once per interval, one after the other`() throws {
        let proxy = proxy(Self.named)
        var sent: [(Int64, Target)] = []
        let start = proxy.now
        for _ in 0..<280 {
            for options in proxy.advance(.milliseconds(250), locating: Targets.both) where options.method == .options {
                sent.append(((proxy.now - start).nanoseconds / 1_000_000_000, options.target))
                proxy.answer(200, to: options)
            }
        }
        #expect(sent.map(\.1) == [Targets.first, Targets.second, Targets.first, Targets.second, Targets.first])
        #expect(zip(sent, sent.dropFirst()).allSatisfy { (13...17).contains($1.0 - $0.0) })
    }

    @Test func `the request is complete, and nothing inside shows`() throws {
        let proxy = proxy(
            TrunkSettings(name: "a", domain: "203.0.113.10", qualify: .seconds(10)),
            TrunkSettings(name: "b", domain: "2001:db8:113::10", transport: .udp, qualify: .seconds(10)))
        let sent = proxy.advance(.seconds(6)).filter { $0.method == .options }
        let four = try #require(sent.first { $0.to == ProxyHarness.itsp })
        #expect(four.requestURI == "sip:203.0.113.10" && four.header(.maxForwards) == "70")
        #expect(four.values(.via)[0].hasPrefix("SIP/2.0/UDP 203.0.113.1:5060;rport;branch=z9hG4bK"))
        #expect(four.header(.from).hasPrefix("<sip:203.0.113.1:5060>;tag=") && four.header(.cSeq) == "1 OPTIONS")
        #expect(four.message?.defect == nil && !four.header(.callID).isEmpty)
        let six = try #require(sent.first { $0.to.ip.family == .v6 })
        #expect(six.requestURI == "sip:[2001:db8:113::10]" && six.header(.to) == "<sip:[2001:db8:113::10]>")
    }

    @Test(arguments: [200, 401, 404, 405, 486])
    func `any answer says that the target is alive`(status: Int) throws {
        let proxy = proxy(Self.named)
        let options = try #require(
            proxy.advance(.seconds(1), locating: Targets.both).first ?? proxy.advance(.zero).first)
        proxy.answer(status, to: options)
        #expect(proxy.core.trunkSummaries[0].targets.map(\.state) == [.up, .unknown])
    }

    @Test func `no answer within 4 s: down, no request tries it, and the first answer brings it back`() throws {
        let proxy = proxy(Self.named)
        let options = try #require(
            (proxy.advance(.seconds(1), locating: Targets.both) + proxy.advance(.zero)).first)
        #expect(options.target == Targets.first)
        for second in 0..<120 {
            for sent in proxy.advance(.seconds(1), locating: Targets.both).outside where sent.target == Targets.second {
                proxy.answer(200, to: sent)
            }
            guard second > 5 else { continue }
            let sent = proxy.send(Targets.invite(second)).outside.filter { $0.method == .invite }
            #expect(sent.targets == [Targets.second])
            for invite in sent { proxy.answer(486, to: invite) }
        }
        var isBack = false
        for _ in 0..<31 where !isBack {
            for sent in proxy.advance(.seconds(1), locating: Targets.both).outside where sent.target == Targets.first {
                proxy.answer(404, to: sent)
                isBack = true
            }
        }
        proxy.advance(.seconds(2))
        proxy.locating = []
        #expect(proxy.send(Targets.invite(500)).outside.first { $0.method == .invite }?.target == Targets.first)
    }

    @Test func `503 does not say that the target is alive`() throws {
        let proxy = proxy(Self.named)
        proxy.core.apply(.health(Targets.first, .down(until: .distantFuture)))
        let options = try #require(
            (proxy.advance(.seconds(1), locating: Targets.both) + proxy.advance(.zero)).first)
        proxy.answer(503, to: options)
        #expect(proxy.core.trunkSummaries[0].targets[0].state != .up)
    }

    @Test func `the Call-ID is one whose messages come to this shard`() throws {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "a", domain: "203.0.113.10", qualify: .seconds(5))]) {
            $0.ownsCallID = { $0.last == UInt8(ascii: "7") }
        }
        proxy.core.startQualifying(at: proxy.now)
        let sent = proxy.advance(.seconds(60)).filter { $0.method == .options }
        #expect(Set(sent.map { $0.header(.callID) }).count == 13)
        #expect(sent.allSatisfy { $0.header(.callID).hasSuffix("7") })
    }

    @Test func `a trunk that does not want it is not asked, nor is a name that leads inside`() {
        let quiet = proxy(TrunkSettings(name: "itsp", domain: Targets.name))
        #expect(quiet.advance(.seconds(100)).isEmpty && quiet.locating.isEmpty)
        let inside = proxy(Self.named)
        let leading = Targets.location(Targets.target("udp:192.168.0.9:5060"), Targets.target("udp:203.0.113.1:5060"))
        for _ in 0..<40 { #expect(inside.advance(.seconds(1), locating: leading).isEmpty) }
    }

    @Test func `nothing piles up`() {
        let proxy = proxy(Self.named)
        for _ in 0..<600 { _ = proxy.advance(.seconds(1), locating: Targets.both) }
        #expect(proxy.core.transactionCount <= 2)
    }
}
