import Glibc
import NetworkTypes
import OutboundProxy
import Reactor

/// Watches how far behind a shard's thread is, twenty times a second: how much of the time it computes, how late its
/// timer is, and how long what waits in its sockets will have waited.
///
/// What the thread is kept from doing by others does not count as work: a machine that is busy with something else is
/// no reason to refuse calls.
final class LoadWatch {
    private let loop: EventLoop
    private let transport: DatagramTransport
    private let report: (Double) -> Void
    private var gauge = LoadGauge()
    private var timer: Timer?
    private var due: Instant
    private var lastLook: Instant
    private var lastBusy: Duration
    private var lastDatagrams: UInt64

    /// - Parameter report: is told the share of new requests to refuse, whenever it has been worked out.
    init(on loop: EventLoop, _ transport: DatagramTransport, report: @escaping (Double) -> Void) {
        (self.loop, self.transport, self.report) = (loop, transport, report)
        lastLook = loop.now
        due = loop.now + LoadGauge.window
        lastBusy = Self.cpuTime
        lastDatagrams = transport.datagrams
        timer = Timer(on: loop) { [unowned self] in look() }
        timer?.schedule(at: due)
    }

    private func look() {
        let now = loop.refreshNow()
        let cpuTime = Self.cpuTime
        let passed = (now - lastLook).seconds
        if passed > 0 {
            let busy = (cpuTime - lastBusy).seconds / passed
            gauge.note(busy: busy, lag: max(now - due, backlog(over: passed)))
            report(gauge.pressure)
        }
        (lastLook, lastBusy, lastDatagrams) = (now, cpuTime, transport.datagrams)
        due = now + LoadGauge.window
        timer?.schedule(at: due)
    }

    /// The processor time of this thread.
    private static var cpuTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// How long it takes to get to the end of what waits in the sockets, at the pace of the last window.
    private func backlog(over seconds: Double) -> Duration {
        let waiting = transport.waiting
        guard waiting > 0 else { return .zero }
        let pace = Double(transport.datagrams &- lastDatagrams) / seconds
        return .seconds(min(10, Double(waiting) / max(pace, 100)))
    }
}
