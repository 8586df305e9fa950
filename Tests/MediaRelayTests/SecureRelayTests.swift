import CAllocationCounter
import MediaRelay
import NetworkTypes
import SRTP
import Testing

/// A relay between a peer with plain RTP inside and one with SRTP outside.
@Suite("Relay paths with SRTP legs")
struct SecureRelayTests {
    private let scenario = RelayScenario()
    private let keys = LegKeys(
        inbound: KeyingMaterial(random: .aes128SHA1x80), outbound: KeyingMaterial(random: .aes128GCM))

    private static let pbx = "10.0.0.2:4000"
    private static let trunk = "198.51.100.1:6000"

    private func secure(_ remote: LegRemote, _ security: LegSecurity) -> LegRemote {
        var remote = remote
        remote.security = security
        return remote
    }

    private func open(_ security: LegSecurity? = nil) -> OpenedStream {
        let stream = scenario.open()
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, Self.pbx)))
        let callee = secure(remote(1, Self.trunk), security ?? .srtp(keys))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: callee))
        scenario.command(.commit(stream: stream.id, generation: 1))
        return stream
    }

    private func counters(_ stream: OpenedStream, _ leg: LegEnd) -> RelayCounters {
        scenario.report(stream, leg)?.counters ?? RelayCounters()
    }

    @Test("RTP and RTCP cross, protected on one leg and plain on the other, both ways")
    func crosses() throws {
        let stream = open()
        let (phone, ours) = (
            try SRTPContext(keys.inbound, .sending), try SRTPContext(keys.outbound, .receiving)
        )
        for number in 1...3 {
            let out = try #require(scenario.forward(rtp(number), on: stream.caller.rtp, from: Self.pbx))
            #expect(out.to == Self.trunk && out.packet.count == 188)
            #expect(try ours.opened(out.packet) == rtp(number))
            let sealed = try phone.sealed(rtp(number))
            let back = try #require(scenario.forward(sealed, on: stream.callee.rtp, from: Self.trunk))
            #expect(back.to == Self.pbx && back.packet == rtp(number))
        }
        let out = try #require(scenario.forward(rtcp, on: stream.caller.rtcp, from: "10.0.0.2:4001"))
        #expect(try ours.opened(out.packet, isControl: true) == rtcp)
        let sealed = try phone.sealed(rtcp, isControl: true)
        #expect(scenario.forward(sealed, on: stream.callee.rtcp, from: "198.51.100.1:6001")?.packet == rtcp)
        // Of a peer that multiplexes.
        let muxed = try phone.sealed(rtcp, isControl: true)
        #expect(scenario.forward(muxed, on: stream.callee.rtp, from: Self.trunk)?.packet == rtcp)
        #expect(counters(stream, .callee).packets == 3 && counters(stream, .callee).controlPackets == 2)
    }

    @Test("security 4: bad tag, no tag, wrong SSRC, replay: 0 forwarded, counted as activity or learned from")
    func unauthentic() throws {
        let stream = scenario.open()
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, Self.pbx)))
        let callee = remote(1, Self.trunk, signalling: "198.51.100.9", any: true, fixed: false)
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: secure(callee, .srtp(keys))))
        scenario.command(.commit(stream: stream.id, generation: 1))
        let phone = try SRTPContext(keys.inbound, .sending)
        let good = try phone.sealed(rtp(1))
        var badTag = good
        badTag[180] ^= 1
        var otherSource = good
        otherSource[8] ^= 1
        for packet in [badTag, otherSource, rtp(1), rtcp] {
            for source in [Self.trunk, "198.51.100.9:7000", "192.0.2.66:7000"] {
                #expect(scenario.relay(packet, on: stream.callee.rtp, from: source) == "authentication")
            }
        }
        #expect(scenario.report(stream, .callee)?.source == nil)
        #expect(counters(stream, .callee).droppedAuthentication == 12)
        #expect(counters(stream, .callee).packets == 0 && counters(stream, .callee).provisional == 0)
        #expect(scenario.forward(good, on: stream.callee.rtp, from: Self.trunk)?.packet == rtp(1))
        #expect(scenario.relay(good, on: stream.callee.rtp, from: Self.trunk) == "authentication")
        // Stun, DTLS and the like never get as far.
        #expect(scenario.relay(stun, on: stream.callee.rtp, from: Self.trunk) == "malformed")
    }

    @Test("security 3: behind NAT the first source that a key proves is latched, and no other after it")
    func latching() throws {
        let stream = scenario.open()
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: remote(1, Self.pbx)))
        let callee = remote(1, "172.16.0.5:6000", any: true, fixed: false)
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: secure(callee, .srtp(keys))))
        scenario.command(.commit(stream: stream.id, generation: 1))
        let phone = try SRTPContext(keys.inbound, .sending)
        #expect(
            scenario.relay(try phone.sealed(rtp(1)), on: stream.callee.rtp, from: "192.0.2.7:999").hasPrefix(Self.pbx))
        for number in 2...20 {
            let packet = try phone.sealed(rtp(number))
            #expect(scenario.relay(packet, on: stream.callee.rtp, from: "192.0.2.8:999") == "source")
            #expect(scenario.relay(packet, on: stream.callee.rtp, from: "192.0.2.7:999").hasPrefix(Self.pbx))
        }
        #expect(scenario.relay(on: stream.caller.rtp, from: Self.pbx).hasPrefix("192.0.2.7:999"))
    }

    @Test("security 5: a flood of bad packets changes nothing: the call is up, and good packets pass")
    func flood() throws {
        let stream = open()
        let phone = try SRTPContext(keys.inbound, .sending)
        #expect(scenario.forward(try phone.sealed(rtp(1)), on: stream.callee.rtp, from: Self.trunk) != nil)
        var bad = try phone.sealed(rtp(2))
        bad[181] ^= 1
        for _ in 0..<20_000 { _ = scenario.receive(bad, on: stream.callee.rtp.descriptor, from: Self.trunk) }
        #expect(scenario.events.isEmpty)
        #expect(counters(stream, .callee).droppedAuthentication == 20_000)
        #expect(scenario.forward(try phone.sealed(rtp(3)), on: stream.callee.rtp, from: Self.trunk) != nil)
    }

    @Test("security 4: a leg that only bad packets reach is silent")
    func silence() throws {
        let stream = open()
        scenario.command(.watch(stream.id.session, silence: .seconds(10)))
        for _ in 0..<12 {
            scenario.advance(.seconds(1))
            _ = scenario.relay(rtp(1), on: stream.callee.rtp, from: Self.trunk)
        }
        guard case .silent(let session)? = scenario.events.first else {
            Issue.record("not silent")
            return
        }
        #expect(session == stream.id.session)
    }

    @Test("security 4: before the answer as well nothing counts that is not authentic, what is does")
    func beforeTheAnswer() throws {
        let stream = scenario.open()
        let caller = secure(remote(1, Self.pbx), .srtp(keys))
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: caller))
        #expect(scenario.relay(on: stream.caller.rtp, from: Self.pbx) == "authentication")
        #expect(counters(stream, .caller).packets == 0)
        let sealed = try SRTPContext(keys.inbound, .sending).sealed(rtp(1))
        #expect(scenario.relay(sealed, on: stream.caller.rtp, from: Self.pbx) == "noDestination")
        #expect(counters(stream, .caller).packets == 1)
        scenario.command(.discard(stream: stream.id, generation: 1))
        #expect(scenario.relay(sealed, on: stream.caller.rtp, from: Self.pbx) == "source")
    }

    // MARK: New keys

    private func renew(_ stream: OpenedStream, _ generation: UInt32, _ keys: LegKeys, commits: Bool = true) {
        let callee = secure(remote(generation, Self.trunk), .srtp(keys))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: callee))
        if commits { scenario.command(.commit(stream: stream.id, generation: generation)) }
    }

    @Test("the same keys in a re-INVITE keep the roll-over count; new ones start at 0")
    func rollover() throws {
        let stream = open()
        let (phone, ours) = (
            try SRTPContext(keys.inbound, .sending), try SRTPContext(keys.outbound, .receiving)
        )
        func talk(_ numbers: some Sequence<Int>, _ phone: SRTPContext, _ ours: SRTPContext) throws {
            for number in numbers {
                let sealed = try phone.sealed(rtp(number))
                try #require(scenario.forward(sealed, on: stream.callee.rtp, from: Self.trunk)?.packet == rtp(number))
                let out = try #require(scenario.forward(rtp(number), on: stream.caller.rtp, from: Self.pbx))
                try #require(try ours.opened(out.packet) == rtp(number))
            }
        }
        try talk(65_530..<65_546, phone, ours)
        renew(stream, 2, keys)
        try talk(65_546..<65_560, phone, ours)
        let next = LegKeys(
            inbound: KeyingMaterial(random: .aes256SHA1x80), outbound: KeyingMaterial(random: .aes128SHA1x32))
        renew(stream, 3, next)
        try talk(100..<110, SRTPContext(next.inbound, .sending), SRTPContext(next.outbound, .receiving))
        // Back to the first ones, as after a failed exchange: no index of before comes again.
        renew(stream, 4, keys)
        try talk(65_560..<65_570, phone, ours)
        #expect(scenario.relay(rtp(65_561), on: stream.caller.rtp, from: Self.pbx) == "protection")
        #expect(counters(stream, .caller).droppedProtection == 1)
    }

    @Test("keys of an offer are good at once, the old ones until two seconds after the commit, a discarded offer's not")
    func overlap() throws {
        let stream = open()
        let next = LegKeys(inbound: KeyingMaterial(random: .aes128GCM), outbound: keys.outbound)
        let (old, new) = (try SRTPContext(keys.inbound, .sending), try SRTPContext(next.inbound, .sending))
        func passes(_ number: Int, _ context: SRTPContext) throws -> Bool {
            scenario.forward(try context.sealed(rtp(number)), on: stream.callee.rtp, from: Self.trunk)?.packet
                == rtp(number)
        }
        #expect(try passes(1, old) && !passes(1, new))
        renew(stream, 2, next, commits: false)
        #expect(try passes(2, old) && passes(2, new))
        scenario.command(.discard(stream: stream.id, generation: 2))
        #expect(try passes(3, old) && !passes(3, new))
        renew(stream, 3, next)
        #expect(try passes(4, old) && passes(4, new))
        scenario.advance(.seconds(2))
        #expect(try !passes(5, old) && passes(5, new))
    }

    @Test("a leg whose keys are still to come lets nothing through, either way")
    func awaiting() throws {
        let stream = open(.dtls(DTLSParameters(fingerprints: [], role: .passive, identifier: .address(nil))))
        #expect(scenario.relay(on: stream.caller.rtp, from: Self.pbx) == "noDestination")
        #expect(scenario.relay(rtcp, on: stream.caller.rtcp, from: "10.0.0.2:4001") == "noDestination")
        #expect(scenario.relay(on: stream.callee.rtp, from: Self.trunk) == "authentication")
        renew(stream, 2, keys)
        #expect(scenario.forward(rtp(1), on: stream.caller.rtp, from: Self.pbx) != nil)
    }

    @Test("forks that share a leg share its keys: no index is used twice")
    func forks() throws {
        let stream = open()
        let own = scenario.sockets("10.0.0.1", 11_000)
        let fork = RelayStreamID(session: stream.id.session, index: 1)
        scenario.command(.fork(stream: fork, of: stream.id, shared: .callee, own: own))
        scenario.command(.prepare(stream: fork, leg: .caller, remote: remote(2, Self.pbx)))
        let other = LegKeys(inbound: KeyingMaterial(random: .aes128SHA1x80), outbound: keys.outbound)
        scenario.command(.prepare(stream: fork, leg: .callee, remote: secure(remote(2, Self.trunk), .srtp(other))))
        scenario.command(.commit(stream: fork, generation: 2))
        #expect(scenario.forward(rtp(1), on: stream.caller.rtp, from: Self.pbx) != nil)
        #expect(scenario.relay(rtp(1), on: own.rtp, from: Self.pbx) == "protection")
        #expect(scenario.forward(rtp(2), on: own.rtp, from: Self.pbx) != nil)
        // What comes from one address is told apart by its key.
        for (number, inbound) in [keys.inbound, other.inbound].enumerated() {
            let sealed = try SRTPContext(inbound, .sending).sealed(rtp(number))
            #expect(scenario.forward(sealed, on: stream.callee.rtp, from: Self.trunk)?.packet == rtp(number))
        }
    }

    @Test("feedback packets end at a leg that doesn't speak AVPF")
    func feedback() {
        let stream = scenario.open()
        var caller = remote(1, Self.pbx)
        caller.hasFeedback = true
        scenario.command(.prepare(stream: stream.id, leg: .caller, remote: caller))
        scenario.command(.prepare(stream: stream.id, leg: .callee, remote: remote(1, Self.trunk)))
        scenario.command(.commit(stream: stream.id, generation: 1))
        let nack: [UInt8] = [0x81, 205, 0, 3] + [UInt8](repeating: 1, count: 12)
        let pli: [UInt8] = [0x81, 206, 0, 2] + [UInt8](repeating: 2, count: 8)
        let source = "10.0.0.2:4001"
        #expect(scenario.relay(nack, on: stream.caller.rtcp, from: source) == "noDestination")
        #expect(scenario.forward(nack + rtcp + pli + rtcp, on: stream.caller.rtcp, from: source)?.packet == rtcp + rtcp)
        #expect(scenario.forward(rtcp + [0x80, 201, 0xff, 0xff], on: stream.caller.rtcp, from: source)?.packet == rtcp)
        #expect(scenario.forward(nack, on: stream.callee.rtcp, from: "198.51.100.1:6001")?.packet == nack)
    }

    @Test("A hundred thousand packets allocate nothing", .enabled(if: CAllocationCounter_count() > 0))
    func allocations() throws {
        let stream = open()
        let phone = try SRTPContext(keys.inbound, .sending)
        let caller = try #require(scenario.channels[stream.caller.rtp.descriptor])
        let callee = try #require(scenario.channels[stream.callee.rtp.descriptor])
        let (pbx, trunk) = (address(Self.pbx), address(Self.trunk))
        var packet = rtp(1) + [UInt8](repeating: 0, count: 148)
        func relay(_ numbers: Range<Int>) throws {
            var slot = packet.mutableSpan
            for number in numbers {
                slot[0] = 0x80
                slot[2] = UInt8(truncatingIfNeeded: number >> 8)
                slot[3] = UInt8(truncatingIfNeeded: number)
                _ = caller.receive(&slot, length: 172, from: pbx, at: scenario.now)
                slot[2] = UInt8(truncatingIfNeeded: number >> 8)
                slot[3] = UInt8(truncatingIfNeeded: number)
                let length = try phone.protect(&slot, length: 172)
                _ = callee.receive(&slot, length: length, from: trunk, at: scenario.now)
            }
        }
        try relay(0..<100)
        let before = CAllocationCounter_count()
        try relay(100..<100_000)
        let allocated = CAllocationCounter_count() - before
        #expect(allocated == 0)
        #expect(counters(stream, .callee).packets == 100_000)
    }
}

extension RelayScenario {
    /// What leaves, and where to; nil where nothing does.
    func forward(_ packet: [UInt8], on socket: RelaySocket, from source: String) -> (to: String, packet: [UInt8])? {
        var slot = packet + [UInt8](repeating: 0, count: 148)
        var span = slot.mutableSpan
        let verdict = channels[socket.descriptor]?.receive(
            &span, length: packet.count, from: address(source), at: now)
        guard case .forward(let length, let destination, _)? = verdict else { return nil }
        return ("\(destination)", Array(slot[..<length]))
    }
}

extension SRTPContext {
    func sealed(_ packet: [UInt8], isControl: Bool = false) throws(SRTPError) -> [UInt8] {
        var slot = packet + [UInt8](repeating: 0, count: Self.maximumOverhead)
        var span = slot.mutableSpan
        let length =
            isControl ? try protectControl(&span, length: packet.count) : try protect(&span, length: packet.count)
        return Array(slot[..<length])
    }

    func opened(_ packet: [UInt8], isControl: Bool = false) throws(SRTPError) -> [UInt8] {
        var slot = packet
        var span = slot.mutableSpan
        let length =
            isControl
            ? try unprotectControl(&span, length: packet.count) : try unprotect(&span, length: packet.count)
        return Array(slot[..<length])
    }
}
