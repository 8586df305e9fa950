import NetworkTypes

/// What DNS has said, for as long as it may be believed, and for a while longer where DNS is silent (RFC 8767).
///
/// A question is asked once however many want its answer, and after a failure not again for some seconds.
final class RecordCache {
    /// What the cache knows of a question at the time.
    enum Lookup {
        /// The answer, and when it ends.
        case known(Records, until: Instant)
        /// The question is open: an answer may come. Where an old one is at hand, it is worth waiting for until then.
        case open(until: Instant?)
        /// There is no answer, and will be none before then.
        case failed(until: Instant)
    }

    /// Why there is no answer.
    enum Failure { case silence, refusal }

    private struct Entry {
        /// The last answer, which may be over.
        var records: Records?
        var expires = Instant.zero
        /// When the question was asked; nil unless it is open.
        var asked: Instant?
        /// Not before then, after a failure.
        var askAgain = Instant.zero
        var used: Instant
    }

    private let settings: LookupSettings
    private var entries: [Question: Entry] = [:]
    private(set) var open = 0
    /// Questions that are to be asked, in the order they came up.
    private(set) var questions: [Question] = []
    /// When a server last answered anything at all.
    private var lastAnswer = Instant.zero
    /// No server has answered what was asked last: old answers are given without waiting.
    private(set) var isSilent = false
    var hosts = HostsTable()
    var search = SearchList()

    init(_ settings: LookupSettings) { self.settings = settings }

    var count: Int { entries.count }

    func takeQuestions() -> [Question] {
        defer { questions = [] }
        return questions
    }

    // MARK: Looking up

    /// What is known of `question`, which is asked if need be. An old answer will do from `patience` on, or when a new one
    /// has been waited for as long by others.
    func lookUp(_ question: Question, at now: Instant, patience: Instant) -> Lookup {
        if let local = localAnswer(question) { return .known(local, until: now + settings.hostsLifetime) }
        guard var entry = entries[question] else { return ask(question, Entry(used: now), at: now, patience) }
        if let records = entry.records, now < entry.expires {
            if entry.used < now { entries[question]?.used = now }
            return .known(records, until: entry.expires)
        }
        entry.used = now
        if entry.asked == nil, now >= entry.askAgain { return ask(question, entry, at: now, patience) }
        entries[question] = entry
        return lookUp(question.type, entry, at: now, patience)
    }

    private func ask(_ question: Question, _ entry: Entry, at now: Instant, _ patience: Instant) -> Lookup {
        var entry = entry
        if open < settings.mostOpen {
            open += 1
            entry.asked = now
            questions.append(question)
        } else if entry.records == nil {
            return .failed(until: now + settings.failureLifetime)
        } else {
            entry.askAgain = now + settings.refreshInterval
        }
        makeRoom()
        entries[question] = entry
        return lookUp(question.type, entry, at: now, patience)
    }

    /// What an entry without a fresh answer is good for.
    private func lookUp(_ type: RecordType, _ entry: Entry, at now: Instant, _ patience: Instant) -> Lookup {
        if let records = entry.records, now < entry.expires + settings.staleLifetime {
            guard let asked = entry.asked else { return .known(records, until: entry.askAgain) }
            let patience = min(patience, asked + settings.patience)
            if isSilent || now >= patience { return .known(records, until: now + .seconds(1)) }
            return .open(until: patience)
        }
        guard let asked = entry.asked else { return .failed(until: entry.askAgain) }
        // One lookup has waited for the hint in vain; the next ones needn't.
        let isLostHint = type == .naptr && now >= asked + settings.budget
        return isLostHint ? .failed(until: now + .seconds(1)) : .open(until: nil)
    }

    private func localAnswer(_ question: Question) -> Records? {
        guard question.type == .a || question.type == .aaaa, let all = hosts.addresses(of: question.name) else {
            return nil
        }
        let fitting = all.filter { ($0.family == .v4) == (question.type == .a) }
        return fitting.isEmpty ? .absent : .addresses(fitting)
    }

    // MARK: Answers

    /// Takes in what a server said to an open question.
    func store(_ answer: Answer, for question: Question, at now: Instant) {
        guard var entry = close(question) else { return }
        lastAnswer = now
        isSilent = false
        entry.records = answer.records
        entry.expires = now + lifetime(answer.timeToLive, isAbsence: answer.records == .absent)
        entry.askAgain = .zero
        entries[question] = entry
        for (other, found) in answer.additional { storeAdditional(found, for: other, at: now) }
    }

    /// What came along unasked never replaces an answer that holds (RFC 2181 §5.4.1).
    private func storeAdditional(_ found: Answer.Addresses, for question: Question, at now: Instant) {
        var entry = entries[question] ?? Entry(used: now)
        guard entry.asked == nil, entry.records == nil || entry.expires <= now else { return }
        if entries[question] == nil { makeRoom() }
        entry.records = .addresses(found.addresses)
        entry.expires = now + lifetime(found.timeToLive, isAbsence: false)
        entries[question] = entry
    }

    /// Notes that an open question got no answer.
    ///
    /// NAPTR is only a hint, and there are servers and routers that never let it pass: where others are answered it
    /// isn't asked again for longer.
    func fail(_ question: Question, _ failure: Failure, at now: Instant) {
        guard let asked = entries[question]?.asked, var entry = close(question) else { return }
        let areOthersAnswered = lastAnswer >= asked && lastAnswer > .zero
        switch failure {
        case .refusal:
            lastAnswer = now
            isSilent = false
        case .silence: if !areOthersAnswered { isSilent = true }
        }
        let isRefusedHint = question.type == .naptr && (failure == .refusal || areOthersAnswered)
        let wait =
            isRefusedHint
            ? settings.hintFailureLifetime
            : entry.records == nil ? settings.failureLifetime : settings.refreshInterval
        entry.askAgain = now + wait
        entries[question] = entry
    }

    /// Other servers may know more: what failed may be asked again at once.
    func forgetFailures() {
        isSilent = false
        for question in entries.keys { entries[question]?.askAgain = .zero }
    }

    private func close(_ question: Question) -> Entry? {
        guard var entry = entries[question], entry.asked != nil else { return nil }
        entry.asked = nil
        open -= 1
        return entry
    }

    private func lifetime(_ seconds: UInt32, isAbsence: Bool) -> Duration {
        min(max(.seconds(Int64(seconds)), .seconds(1)), isAbsence ? settings.longestAbsence : settings.longestLifetime)
    }

    // MARK: Bounds

    /// Throws the least recently used quarter away when the cache is full; open questions stay.
    private func makeRoom() {
        guard entries.count >= settings.mostQuestions else { return }
        let idle = entries.filter { $0.value.asked == nil }.sorted { $0.value.used < $1.value.used }
        for (question, _) in idle.prefix(max(1, settings.mostQuestions / 4)) { entries[question] = nil }
    }
}
