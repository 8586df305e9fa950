import NetworkTypes
import RTP
import SRTP

/// Reads the RTCP between us and one leg's peer on its way: the round trip, and what the peer says of what it gets
/// (RFC 3550 §6.4). What it says about a stream that SRTP made us alter is put into the words of the stream's sender
/// first, and only then.
///
/// RTCP is a packet in seconds: nothing here is on the way of RTP.
final class ControlObserver {
    /// A sender report that went to the peer.
    private struct Sent {
        var timestamp: UInt32 = 0
        var at = Instant.zero
    }

    /// What the peer said last about what it gets from us.
    struct Reception {
        let fractionLost: UInt8
        let lost: Int32
        let jitter: UInt32
    }

    /// Longer than this is no round trip, but somebody's mistake or lie.
    private static let longest: Duration = .seconds(10)

    /// That of the leg where the packets to this peer come from.
    weak var opposite: ControlObserver?
    /// What protects the packets to the peer.
    var protector: SRTPContext?
    private var sent = InlineArray<4, Sent>(repeating: Sent())
    private var sentCount = 0
    private(set) var roundTrip: Duration?
    /// The sum of all measurements and how many there were.
    private(set) var roundTrips: (sum: Duration, count: Int64) = (.zero, 0)
    private(set) var reception: Reception?
}

extension ControlObserver {
    /// Takes note of an RTCP packet that the peer sent, and translates it. `source` is the stream that it should be about.
    func take(_ slot: inout MutableSpan<UInt8>, length: Int, about source: UInt32?, at now: Instant) {
        if let protector, protector.isAltering {
            ReportTranslation.apply(to: &slot, length: length) { protector.alteredStream($0) }
        }
        read(slot.span, length, source, now)
    }

    private func read(_ octets: Span<UInt8>, _ length: Int, _ source: UInt32?, _ now: Instant) {
        var compound = RTCPCompound()
        while let packet = compound.next(in: octets, length: length) {
            if let report = SenderReport(packet, in: octets) { opposite?.noteSent(report, at: now) }
            for index in 0..<Int(packet.count) {
                guard let block = ReportBlock(index, of: packet, in: octets) else { break }
                measure(block, at: now)
                guard block.ssrc == source || source == nil else { continue }
                reception = Reception(fractionLost: block.fractionLost, lost: block.lost, jitter: block.jitter)
            }
        }
    }

    private func noteSent(_ report: SenderReport, at now: Instant) {
        sent[sentCount % 4] = Sent(timestamp: report.timestamp, at: now)
        sentCount &+= 1
    }

    /// From the moment when we passed the sender report on, less the time for which the peer kept it.
    private func measure(_ block: ReportBlock, at now: Instant) {
        guard block.lastReport != 0 else { return }
        for index in 0..<min(sentCount, 4) where sent[index].timestamp == block.lastReport {
            let kept = Duration.nanoseconds(Int64(block.delay) * 1_000_000_000 / 65_536)
            let measured = now - sent[index].at - kept
            // Its clock and ours differ a little: on a fast network that is all that is left.
            guard measured > .milliseconds(-20), measured < Self.longest else { return }
            let trip = max(measured, .zero)
            roundTrip = trip
            roundTrips = (roundTrips.sum + trip, roundTrips.count + 1)
            return
        }
    }
}

extension SRTPContext {
    /// How a receiver's report about `ssrc` is to be translated.
    fileprivate func alteredStream(_ ssrc: UInt32) -> AlteredStream? {
        alteration(of: ssrc).map {
            AlteredStream(sent: ssrc, received: $0.source, offset: $0.offset, since: $0.since)
        }
    }
}
