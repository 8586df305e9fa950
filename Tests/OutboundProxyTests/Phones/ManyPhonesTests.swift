import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Ten thousand phones: each is found, and nothing is left of them when they have gone.
@Suite struct ManyPhonesTests {
    private static let count = 10_000

    private static func binding(_ number: Int, at now: Instant, port: UInt16 = 5060) -> PhoneBinding {
        let address = IPAddress(v4: 0xc633_0000 + UInt32(number))
        return PhoneBinding(
            key: Array("p\(number)".utf8), user: "\(number)", domain: "pbx.example",
            contact: Array("sip:\(number)@10.0.0.2:5060".utf8),
            flow: Flow(listener: ListenerID(1), peer: SocketAddress(address, port)), seen: now,
            expires: now + .seconds(600))
    }

    @Test func `each is admitted on its own flow, pinged once in 25 s, and forgotten in time`() {
        let bench = PhoneBench()
        for number in 0..<Self.count { bench.proxy.core.apply(.phone(Self.binding(number, at: bench.proxy.now))) }
        for number in stride(from: 0, to: Self.count, by: 997) {
            let own = Self.binding(number, at: bench.proxy.now).flow.peer
            let other = Self.binding(number + 1, at: bench.proxy.now).flow.peer
            let text = bench.request(from: "sip:\(number)@pbx.example")
            #expect(bench.receive(text, from: other).isEmpty)
            #expect(bench.receive(text, from: own).map(\.side) == [.inside])
        }
        bench.proxy.advance(.seconds(25))
        let before = bench.proxy.core.counters.pinholes
        bench.proxy.advance(.seconds(250))
        #expect(bench.proxy.core.counters.pinholes - before == UInt64(10 * Self.count))
        bench.proxy.advance(.seconds(400))
        #expect(bench.proxy.core.phoneBindings.isEmpty && bench.proxy.core.pinholes.isEmpty)
        #expect(bench.proxy.core.nextDeadline == nil)
    }

    @Test func `phones that move all the time leave no trail`() {
        var phones = PhoneBindings()
        var now = Instant(nanoseconds: 1)
        for turn in 0..<200 {
            now = now + .seconds(1)
            for number in 0..<50 { phones.set(Self.binding(number, at: now, port: 2000 + UInt16(turn))) }
        }
        #expect(phones.count == 50)
        let old = Self.binding(7, at: now, port: 2000 + 190).flow
        let recent = Self.binding(7, at: now, port: 2000 + 197).flow
        let present = Self.binding(7, at: now, port: 2000 + 199).flow
        #expect(phones.present(of: recent, key: nil) == present && phones.isGone(recent))
        #expect(phones.present(of: old, key: nil) == old, "only the last few are remembered")
        phones.sweep(at: now + .seconds(601))
        #expect(phones.isEmpty && !phones.isGone(recent) && !phones.isPhone(present.peer.ip))
    }

    @Test func `another phone that comes to a flow is told from the one that left it`() {
        var phones = PhoneBindings()
        let now = Instant(nanoseconds: 1)
        let (first, second) = (Self.binding(1, at: now, port: 1), Self.binding(1, at: now, port: 2))
        phones.set(first)
        phones.set(second)
        var other = Self.binding(2, at: now)
        other.flow = first.flow
        phones.set(other)
        #expect(phones.present(of: first.flow, key: first.key) == second.flow)
        #expect(phones.present(of: first.flow, key: other.key) == first.flow)
        #expect(phones.bindings(on: first.flow, at: now).map(\.user) == ["2"])
    }

    @Test func `a connection that has ended is live for nobody, and its binding waits for the next`() {
        var phones = PhoneBindings()
        let now = Instant(nanoseconds: 1)
        var first = Self.binding(1, at: now)
        first.flow.connection = 9
        phones.set(first)
        phones.lose(first.flow)
        #expect(phones.isGone(first.flow) && !phones.isLive(first.flow, at: now))
        #expect(phones.binding(first.key, at: now) == nil && Array(phones.all).isEmpty)
        var next = first
        next.flow.connection = 10
        phones.set(next)
        #expect(phones.present(of: first.flow, key: first.key) == next.flow && phones.isLive(next.flow, at: now))
    }
}
