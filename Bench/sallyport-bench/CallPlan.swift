import ArgumentParser

/// How a call is to go. The plan's name is the user of the Request-URI, as test numbers of a real switchboard are, so
/// the answerer knows what is expected of it from the message alone.
enum CallPlan: String, CaseIterable {
    /// Answered; the caller hangs up.
    case answered
    /// Answered; the answerer hangs up.
    case hungup
    /// The caller cancels while it rings.
    case cancelled
    /// Refused by 486.
    case busy
    /// Refused by 603.
    case declined
    /// The caller's ACK is lost until the answerer's third 200.
    case lateack
    /// The caller dies before it can send ACK.
    case noack
    /// The caller dies while talking; the answerer hangs up.
    case dies
    /// The answerer never answers anything.
    case silence

    enum Outcome: String, CaseIterable, Codable { case answered, cancelled, refused, abandoned }

    var outcome: Outcome {
        switch self {
        case .answered, .hungup: .answered
        case .cancelled: .cancelled
        case .busy, .declined: .refused
        case .lateack, .noack, .dies, .silence: .abandoned
        }
    }

    /// Whether the answerer sends the BYE.
    var isEndedByAnswerer: Bool { self == .hungup || self == .noack || self == .dies }
    /// Whether audio flows and every packet must arrive.
    var hasMedia: Bool { self == .answered || self == .hungup }
}

/// Which calls a run makes.
enum CallMix: String, CaseIterable, ExpressibleByArgument {
    case answered, cancelled, refused, abandoned, all

    /// The plan of the call with this number: the same in every run.
    func plan(for number: UInt32) -> CallPlan {
        let plans = plans
        return plans[Int(number) % plans.count]
    }

    private var plans: [CallPlan] {
        switch self {
        case .answered: [.answered, .hungup]
        case .cancelled: [.cancelled]
        case .refused: [.busy, .declined]
        case .abandoned: [.lateack, .noack, .dies, .silence]
        case .all:
            [
                .answered, .hungup, .cancelled, .answered, .busy, .hungup, .answered, .declined, .cancelled, .hungup,
                .answered, .lateack, .hungup, .answered, .cancelled, .noack, .hungup, .dies, .answered, .silence,
            ]
        }
    }
}
