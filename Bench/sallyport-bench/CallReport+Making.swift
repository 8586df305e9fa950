extension CallReport {
    /// Sums up a run. `allowsLoss` lets lost packets pass, never lost calls.
    init(_ load: CallLoad, registered: Bool?, allowsLoss: Bool) {
        let board = load.loop.scoreboard
        let media = load.loop.media
        let totals = media.totals()
        attempted = board.attempted
        answered = board.answered
        outcomes = Dictionary(uniqueKeysWithValues: board.outcomes.map { ($0.key.rawValue, $0.value) })
        (failed, failures) = (board.failed, Array(board.failures.prefix(10)))
        seconds = load.measurements.seconds
        (retransmissions, strayMessages) = (board.retransmissions, board.strays)
        setUp = Times(board.setUpTimes)
        packets = Packets(totals)
        oneWay = Times(media.latency)
        tones = Tones(totals)
        self.registered = registered
        proxy = ProxyCost(load.measurements, calls: board.attempted)
        generator = Generator(
            worstDelayMilliseconds: Double(media.worstDelay) / 1e6, skippedSlices: media.skippedSlices,
            droppedAtOwnSockets: media.ownDrops(), refusedByOwnKernel: totals.refused,
            cpuShare: load.measurements.ownCPUSeconds / max(0.001, seconds))
        passed =
            failed == 0 && registered != false && tones?.allHeard != false && packets.ofWrongCall == 0
            && packets.fromWrongAddress == 0
            && (allowsLoss || packets.lost == 0 && packets.reportsReceived == packets.reportsSent)
    }
}

extension CallReport.Packets {
    init(_ totals: MediaTotals) {
        (sent, received, lost) = (totals.sent, totals.received.packets, totals.lost)
        (duplicates, reordered) = (totals.received.duplicates, totals.received.reordered)
        (reportsSent, reportsReceived) = (totals.reportsSent, totals.reportsReceived)
        (fromWrongAddress, ofWrongCall) = (totals.received.wrongSource, totals.received.wrongCall)
    }
}

extension CallReport.Tones {
    init?(_ totals: MediaTotals) {
        if totals.listeners.isEmpty { return nil }
        callersListening = totals.listeners[.caller] ?? 0
        callersHearing = totals.hearers[.caller] ?? 0
        answerersListening = totals.listeners[.answerer] ?? 0
        answerersHearing = totals.hearers[.answerer] ?? 0
    }
}

extension CallReport.ProxyCost {
    init?(_ measured: CallLoad.Measurements, calls: Int) {
        guard let before = measured.before, let after = measured.after, calls > 0 else { return nil }
        let most = measured.most ?? after
        let seconds = after.cpuSeconds - before.cpuSeconds
        cpuMillisecondsPerCall = seconds * 1000 / Double(calls)
        // Only while all calls are merely held are packets all there is to do.
        if let steady = measured.steadyCPUSeconds, measured.steadyPackets > 0 {
            cpuSecondsPerMillionPackets = steady * 1e6 / Double(measured.steadyPackets)
        }
        (memoryBefore, memoryAfter) = (before.memoryBytes, after.memoryBytes)
        memoryAtMost = max(before.memoryBytes, most.memoryBytes, after.memoryBytes)
        if measured.mostUp >= 10, most.memoryBytes > before.memoryBytes {
            bytesPerCall = Double(most.memoryBytes - before.memoryBytes) / Double(measured.mostUp)
        }
        (descriptorsBefore, descriptorsAtMost) = (before.descriptors, most.descriptors)
        descriptorsAfter = after.descriptors
    }
}
