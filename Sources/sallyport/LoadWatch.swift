import NetworkTypes
import OutboundProxy
import Reactor

/// Watches how far behind a shard's thread is, twenty times a second: how much of the time it works, how late its timer
/// is, and how long what waits in its sockets will have waited.
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
        lastBusy = loop.busy
        lastDatagrams = transport.datagrams
        timer = Timer(on: loop) { [unowned self] in look() }
        timer?.schedule(at: due)
    }

    private func look() {
        let now = loop.refreshNow()
        let passed = (now - lastLook).seconds
        if passed > 0 {
            let busy = (loop.busy - lastBusy).seconds / passed
            gauge.note(busy: busy, lag: max(now - due, backlog(over: passed)))
            report(gauge.pressure)
        }
        (lastLook, lastBusy, lastDatagrams) = (now, loop.busy, transport.datagrams)
        due = now + LoadGauge.window
        timer?.schedule(at: due)
    }

    /// How long it takes to get to the end of what waits in the sockets, at the pace of the last window.
    private func backlog(over seconds: Double) -> Duration {
        let waiting = transport.waiting
        guard waiting > 0 else { return .zero }
        let pace = Double(transport.datagrams &- lastDatagrams) / seconds
        return .seconds(min(10, Double(waiting) / max(pace, 100)))
    }
}
