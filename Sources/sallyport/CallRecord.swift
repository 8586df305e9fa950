import MediaRelay
import NetworkTypes
import OutboundProxy
import SIP

/// What a line of the call log says about a call that has ended. Members that say nothing are left out.
struct CallRecord {
    let call: CallSummary
    let reports: [LegReport]

    /// Whether the call is worth a record: one that was only asked for its credentials comes again.
    var isWritten: Bool { call.status != 401 && call.status != 407 || call.hasCredentials }

    /// The line; `now` and `time` are the same moment by both clocks.
    func line(at now: Instant, _ time: Timestamp) -> [UInt8] {
        func date(_ instant: Instant?) -> Timestamp? { instant.map { time.before(now - $0) } }
        var object = JSONObject()
        object.add("call_id", call.callID)
        object.add("outside_call_id", call.outsideCallID)
        object.add("direction", call.origin == .inside ? "outbound" : "inbound")
        object.add("trunk", call.trunk.isEmpty ? nil : call.trunk)
        object.add("from", call.from)
        object.add("from_user", Self.user(of: call.from))
        object.add("to", call.to)
        object.add("to_user", Self.user(of: call.to))
        object.add("start", date(call.startedAt))
        object.add("ring", date(call.rangAt))
        object.add("answer", date(call.answeredAt))
        object.add("end", date(call.endedAt ?? now))
        object.add("duration", call.answeredAt.map { ((call.endedAt ?? now) - $0).seconds })
        object.add("status", call.status)
        object.add("reason", call.verdict)
        object.add("ended_by", call.ender?.rawValue)
        object.add("inside", call.insidePeer.map { "\($0)" })
        object.add("outside", call.outsidePeer.map { "\($0)" })
        object.add("legs", reports.map { leg($0) })
        return object.closed + [UInt8(ascii: "\n")]
    }

    private func leg(_ report: LegReport) -> JSONObject {
        let (counters, quality) = (report.counters, report.quality)
        var object = JSONObject()
        object.add("side", "\(report.leg == .caller ? call.origin : call.origin.opposite)")
        object.add("security", report.security.rawValue)
        object.add("codec", quality.codecName)
        object.add("local", "\(report.local)")
        object.add("remote", (report.source ?? report.signalled).map { "\($0)" })
        object.add("packets", counters.packets)
        object.add("bytes", counters.bytes)
        object.add("lost", counters.lost)
        object.add("out_of_order", counters.outOfOrder)
        if quality.codec != nil { object.add("jitter_ms", quality.jitter) }
        object.add("rtt_ms", quality.meanRoundTrip)
        object.add("mos", quality.score)
        object.add("remote_lost", quality.remoteLost)
        object.add("remote_jitter_ms", quality.remoteJitter)
        var dropped = JSONObject()
        for (cause, count) in counters.drops { dropped.add(cause, count) }
        if !counters.drops.isEmpty { object.add("dropped", dropped) }
        return object
    }

    /// The user in the value of a From or To.
    private static func user(of value: String) -> String? {
        let octets = Array(value.utf8)
        guard let address = NameAddress(0..<octets.count, in: octets), let uri = URI(address.uri, in: octets),
            let user = uri.user(in: octets)
        else { return nil }
        return String(decoding: octets[user], as: UTF8.self)
    }
}

extension RelayCounters {
    /// The packets that went nowhere, by cause; causes that never occurred are left out.
    var drops: [(cause: String, count: UInt64)] {
        [
            ("source", droppedSource), ("malformed", droppedMalformed), ("no destination", droppedNoDestination),
            ("send", droppedSend), ("authentication", droppedAuthentication), ("protection", droppedProtection),
            ("check", droppedChecks),
        ].filter { $0.1 > 0 }
    }
}
