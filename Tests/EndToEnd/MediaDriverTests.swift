import Glibc
import MediaRelay
import NetworkTypes
import Reactor
import Testing

@testable import sallyport

/// Real sockets on loopback, real threads, and the driver between two peers.
@Suite("Media driver: packets through worker threads")
struct MediaDriverTests {
    private let events: EventCollector
    private let driver: MediaDriver
    private let binder = SystemPortBinder()

    init() throws {
        let events = EventCollector()
        self.events = events
        driver = try MediaDriver(workers: 2) { events.add($0) }
    }

    private func socket() throws -> RelaySocket {
        let descriptor = try #require(binder.bind(SocketAddress(IPAddress(v4: 0x7f00_0001), 0)))
        return RelaySocket(descriptor: descriptor, local: try SocketAddress(localOf: descriptor))
    }

    private func leg() throws -> LegSockets { LegSockets(rtp: try socket(), rtcp: try socket()) }

    /// Opens an audio stream between two peers and gives its legs.
    private func open(
        _ session: UInt64, _ caller: LoopbackPeer, _ callee: LoopbackPeer
    ) throws -> (caller: LegSockets, callee: LegSockets) {
        let stream = RelayStreamID(session: RelaySessionID(session), index: 0)
        let legs = (caller: try leg(), callee: try leg())
        driver.send([
            .open(stream: stream, caller: legs.caller, callee: legs.callee, isOpaque: false),
            .prepare(stream: stream, leg: .caller, remote: remote(caller)),
            .prepare(stream: stream, leg: .callee, remote: remote(callee)),
            .commit(stream: stream, generation: 1),
        ])
        return legs
    }

    private func remote(_ peer: LoopbackPeer) -> LegRemote {
        LegRemote(generation: 1, rtp: peer.address, rtcp: peer.address)
    }

    private func rtp(_ number: Int) -> [UInt8] {
        [0x80, 0, UInt8(number >> 8 & 0xff), UInt8(number & 0xff)] + [UInt8](repeating: 7, count: 168)
    }

    @Test("Packets go both ways through every worker, byte for byte, from the right socket")
    func bothWays() throws {
        for session in 1...6 as ClosedRange<UInt64> {
            let (caller, callee) = (try LoopbackPeer(), try LoopbackPeer())
            let legs = try open(session, caller, callee)
            for number in 0..<20 {
                caller.send(rtp(number), to: legs.caller.rtp.local)
                let arrived = try #require(callee.receive())
                #expect(arrived.packet == rtp(number))
                #expect(arrived.source == legs.callee.rtp.local)
                callee.send(rtp(number), to: legs.callee.rtp.local)
                #expect(caller.receive()?.packet == rtp(number))
            }
        }
        driver.stop()
    }

    @Test("A burst arrives whole and in order")
    func burst() throws {
        let (caller, callee) = (try LoopbackPeer(), try LoopbackPeer())
        let legs = try open(1, caller, callee)
        for number in 0..<100 { caller.send(rtp(number), to: legs.caller.rtp.local) }
        for number in 0..<100 { #expect(callee.receive()?.packet == rtp(number)) }
        driver.stop()
    }

    @Test("The largest datagrams pass whole")
    func large() throws {
        let (caller, callee) = (try LoopbackPeer(), try LoopbackPeer())
        let legs = try open(1, caller, callee)
        for size in [12, 1_500, 9_000, 65_507] {
            let packet = rtp(1).prefix(12) + [UInt8](repeating: 9, count: size - 12)
            caller.send(Array(packet), to: legs.caller.rtp.local)
            #expect(callee.receive()?.packet == Array(packet))
        }
        driver.stop()
    }

    @Test("A peer that went away stops nothing")
    func peerGone() throws {
        let caller = try LoopbackPeer()
        var callee: LoopbackPeer? = try LoopbackPeer()
        let legs = try open(1, caller, try #require(callee))
        let gone = try #require(callee?.address)
        callee = nil
        for number in 0..<50 { caller.send(rtp(number), to: legs.caller.rtp.local) }
        let back = try UDPSocket(binding: gone)
        for number in 50..<60 { caller.send(rtp(number), to: legs.caller.rtp.local) }
        var waiting = pollfd(fd: back.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&waiting, 1, 2_000) == 1)
        driver.stop()
    }

    @Test("A closed session reports its counters, and its ports are free again")
    func ended() throws {
        let (caller, callee) = (try LoopbackPeer(), try LoopbackPeer())
        let legs = try open(7, caller, callee)
        for number in 0..<10 {
            caller.send(rtp(number), to: legs.caller.rtp.local)
            _ = callee.receive()
        }
        driver.send([.closeSession(RelaySessionID(7))])
        let reports = try #require(events.ended(RelaySessionID(7)))
        #expect(reports.first { $0.leg == .caller }?.counters.packets == 10)
        for socket in [legs.caller.rtp, legs.caller.rtcp, legs.callee.rtp, legs.callee.rtcp] {
            #expect(binder.bind(socket.local).map(binder.close) != nil)
        }
        driver.stop()
    }

    @Test("A watched session that falls silent is reported")
    func silent() throws {
        _ = try open(3, LoopbackPeer(), LoopbackPeer())
        driver.send([.watch(RelaySessionID(3), silence: .milliseconds(50))])
        #expect(events.silent(RelaySessionID(3)))
        driver.stop()
    }

    @Test("Snapshots come from every worker")
    func snapshots() throws {
        let (caller, callee) = (try LoopbackPeer(), try LoopbackPeer())
        let legs = try open(1, caller, callee)
        caller.send(rtp(1), to: legs.caller.rtp.local)
        _ = callee.receive()
        let loop = try EventLoop()
        let mailbox = try Mailbox<MediaSnapshot>()
        let expected = driver.requestSnapshots(mailbox)
        var snapshots: [MediaSnapshot] = []
        let receiver = try mailbox.receive(on: loop) { messages in
            snapshots += messages
            if snapshots.count == expected { loop.stop() }
        }
        loop.run()
        withExtendedLifetime(receiver) {}
        #expect(Set(snapshots.map(\.worker)) == [0, 1])
        #expect(snapshots.map(\.sockets).reduce(0, +) == 4)
        #expect(snapshots.map(\.sent).reduce(0, +) == 1)
        let session = try #require(snapshots.compactMap { $0.sessions[RelaySessionID(1)] }.first)
        #expect(session.count == 2)
        driver.stop()
    }

    @Test("security 7: sessions torn down under traffic at any moment give their ports back")
    func teardown() throws {
        let (caller, callee) = (try LoopbackPeer(), try LoopbackPeer())
        var sockets: [RelaySocket] = []
        for session in 1...200 as ClosedRange<UInt64> {
            let legs = try open(session, caller, callee)
            sockets += [legs.caller.rtp, legs.caller.rtcp, legs.callee.rtp, legs.callee.rtcp]
            for number in 0..<Int(session % 7) { caller.send(rtp(number), to: legs.caller.rtp.local) }
            driver.send([.closeSession(RelaySessionID(session)), .closeSession(RelaySessionID(session))])
        }
        for session in 1...200 as ClosedRange<UInt64> { #expect(events.ended(RelaySessionID(session)) != nil) }
        driver.stop()
        // A port may be taken by another test's socket by now, but not many are.
        let free = sockets.count { binder.bind($0.local).map(binder.close) != nil }
        #expect(free >= sockets.count - 20)
    }
}

/// Relay events of all workers, for a test that waits for one.
private final class EventCollector: @unchecked Sendable {
    // Only touched with the lock held.
    private var events: [RelayEvent] = []
    private let lock: UnsafeMutablePointer<pthread_mutex_t>

    init() {
        lock = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
    }

    deinit {
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    func add(_ event: RelayEvent) {
        pthread_mutex_lock(lock)
        events.append(event)
        pthread_mutex_unlock(lock)
    }

    func ended(_ session: RelaySessionID) -> [LegReport]? {
        wait { event in
            if case .ended(session, let reports) = event { return reports }
            return nil
        }
    }

    func silent(_ session: RelaySessionID) -> Bool {
        wait { event in
            if case .silent(session) = event { return true }
            return nil
        } ?? false
    }

    /// Looks for an event for at most five seconds.
    private func wait<Value>(_ match: (RelayEvent) -> Value?) -> Value? {
        for _ in 0..<500 {
            pthread_mutex_lock(lock)
            let found = events.lazy.compactMap(match).first
            pthread_mutex_unlock(lock)
            if let found { return found }
            usleep(10_000)
        }
        return nil
    }
}
