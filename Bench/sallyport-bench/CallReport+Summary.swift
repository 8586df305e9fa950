import Foundation

extension CallReport {
    /// The summary in words. One call is told as a story, many as a table.
    var summary: String {
        let lines = attempted == 1 ? story : table
        return (lines + failureLines + [passed ? "PASSED" : "FAILED"]).joined(separator: "\n")
    }

    // MARK: One call

    private var story: [String] {
        var lines: [String] = []
        if let registered {
            lines.append(registered ? "Registered: the binding came back as our own Contact." : "Not registered.")
        }
        if let delay = setUp.p50, answered == 1 {
            lines.append("The call was answered in \(Times.text(delay)) and ended after \(Self.seconds(seconds)).")
        }
        if packets.sent > 0 {
            let loss = packets.lost == 0 ? "none lost" : "\(packets.lost) lost"
            lines.append("\(packets.sent / 2) packets were sent each way, \(loss).")
            lines.append("One way through: \(oneWay.text).")
        }
        if let tones {
            lines.append(Self.hearing("The answerer", 440, tones.answerersHearing))
            lines.append(Self.hearing("The caller", 1004, tones.callersHearing))
        }
        return lines
    }

    private static func hearing(_ who: String, _ frequency: Int, _ hearers: Int) -> String {
        "\(who) \(hearers > 0 ? "heard" : "did NOT hear") the \(frequency) Hz tone of the other end."
    }

    private static func seconds(_ value: Double) -> String { String(format: "%.1f s", value) }

    // MARK: Many calls

    private var table: [String] {
        let ends = CallPlan.Outcome.allCases.map { "\(outcomes[$0.rawValue] ?? 0) \($0.rawValue)" }
        var lines = [
            "calls         \(attempted) in \(Self.seconds(seconds)): \(ends.joined(separator: ", ")); \(failed) failed",
            "set-up        \(setUp.text) (INVITE to 200)",
        ]
        if retransmissions > 0 { lines.append("              \(retransmissions) messages were sent again") }
        if packets.sent > 0 { lines += packetLines }
        if packets.reportsSent > 0 {
            lines.append("RTCP          \(packets.reportsSent) reports sent, \(packets.reportsReceived) received")
        }
        if let tones {
            let heard = tones.callersHearing + tones.answerersHearing
            lines.append("tones         heard by \(heard) of \(tones.callersListening + tones.answerersListening) ends")
        }
        if let proxy { lines += proxy.lines }
        if packets.sent > 0 { lines.append(generator.line) }
        return lines
    }

    private var packetLines: [String] {
        let share = Double(packets.lost) * 100 / Double(max(1, packets.sent))
        let loss = String(format: "%llu lost (%.4f %%)", packets.lost, share)
        return [
            "packets       \(packets.sent) sent, \(packets.received) received, \(loss), "
                + "\(packets.reordered) out of order, \(packets.duplicates) twice",
            "one way       \(oneWay.text)",
        ]
    }

    private var failureLines: [String] {
        var lines = failures.map { "FAILED  \($0.calls) × \($0.reason) (first: call \($0.example))" }
        if packets.fromWrongAddress > 0 {
            lines.append("FAILED  \(packets.fromWrongAddress) packets from another address than in the SDP")
        }
        if packets.ofWrongCall > 0 { lines.append("FAILED  \(packets.ofWrongCall) packets of another call") }
        if strayMessages > 0 { lines.append("note    \(strayMessages) messages belonged to no call") }
        return lines
    }
}

extension CallReport.ProxyCost {
    fileprivate var lines: [String] {
        var lines = [String(format: "proxy CPU     %.2f ms a call, everything included", cpuMillisecondsPerCall)]
        if let cost = cpuSecondsPerMillionPackets {
            lines.append(String(format: "              %.2f s per million packets (µs a packet)", cost))
        }
        let perCall = bytesPerCall.map { String(format: " (%.1f kB a call)", $0 / 1000) } ?? ""
        lines.append(
            String(
                format: "proxy memory  %.1f MB before, %.1f MB at most%@, %.1f MB after; descriptors %ld, %ld, %ld",
                Double(memoryBefore) / 1e6, Double(memoryAtMost) / 1e6, perCall, Double(memoryAfter) / 1e6,
                descriptorsBefore, descriptorsAtMost, descriptorsAfter))
        return lines
    }
}

extension CallReport.Generator {
    fileprivate var line: String {
        let limit = skippedSlices > 0 ? "; it was too slow for this load" : ""
        return String(
            format: "generator     %.0f %% of a core, at most %.1f ms behind schedule, %llu datagrams dropped here%@",
            cpuShare * 100, worstDelayMilliseconds, droppedAtOwnSockets, limit)
    }
}
