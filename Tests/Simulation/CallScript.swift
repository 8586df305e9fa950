import NetworkTypes

/// What both ends of one call will do, drawn before the run begins.
struct CallScript {
    enum Action: CaseIterable { case hold, resume, move, refresh, lateOffer, update, info, options }
    enum Ending: CaseIterable { case caller, callee, both, nobody }

    enum Final: Hashable {
        case answer
        case refuse(Int)
        /// It rings until somebody gives up.
        case never
        /// Only 100 Trying comes.
        case trying
        /// Not a single response comes.
        case silent
    }

    enum Target: Hashable {
        /// The address of an ITSP's node, or of the edge when the call comes in.
        case address
        /// The ITSP's domain.
        case name
        /// The Contact that the PBX has registered, when there is one.
        case binding
    }

    struct Ring {
        let after: Duration
        let status: Int
        let hasBody: Bool
    }

    struct PlannedAction {
        let after: Duration
        let isCallers: Bool
        let action: Action
    }

    let number: Int
    let isFromInside: Bool
    let node: Int
    private(set) var target: Target
    let start: Duration
    var isLateOffer = false
    var hasVideo = false
    /// Neither end sends audio.
    var isMute = false
    var sendsTrying = false
    /// Provisional responses are reliable (RFC 3262), and the media may change while it rings (RFC 3311).
    var isReliable = false
    var hasEarlyUpdate = false
    var isChallenged = false
    var forks = 1
    var rings: [Ring] = []
    var final = Final.answer
    var finalAfter = Duration.zero
    /// Another fork answers as well, so much later.
    var secondAnswer: Duration?
    var obeysCANCEL = true
    /// The first node that gets the call has no room for it.
    var isFirstFull = false
    var cancelAfter: Duration?
    var ending = Ending.caller
    /// How long the answered call lasts.
    var duration = Duration.zero
    var actions: [PlannedAction] = []

    var callID: String { "call\(number)@\(isFromInside ? "pbx" : "itsp")" }

    init(number: Int, nodes: Int, _ random: inout SeededRandom) {
        self.number = number
        isFromInside = random.chance(0.6)
        node = random.number(0...(nodes - 1))
        target = isFromInside ? (random.chance(0.3) ? .name : .address) : (random.chance(0.5) ? .binding : .address)
        start = random.time(0...60)
        isLateOffer = random.chance(0.15)
        hasVideo = random.chance(0.15)
        isMute = random.chance(0.05)
        sendsTrying = random.chance(0.6)
        isReliable = random.chance(0.25)
        hasEarlyUpdate = isReliable && random.chance(0.4)
        isChallenged = isFromInside && random.chance(0.2)
        forks = !isFromInside || random.chance(0.75) ? 1 : random.number(2...4)
        for _ in 0..<random.pick([0, 0, 1, 1, 1, 2, 3]) {
            let status = random.pick([180, 180, 183, 182])
            rings.append(
                Ring(
                    after: random.time(0...8), status: status,
                    hasBody: status == 183 || random.chance(0.1)))
        }
        final = Self.final(&random)
        finalAfter = random.chance(0.2) ? .zero : random.time(0...(random.chance(0.1) ? 200 : 20))
        if forks > 1, random.chance(0.3) { secondAnswer = random.time(0...0.5) }
        obeysCANCEL = !random.chance(0.1)
        isFirstFull = target == .name && random.chance(0.15)
        if random.chance(0.2) { cancelAfter = random.time(0...30) }
        ending = random.pick([.caller, .caller, .caller, .callee, .callee, .both, .nobody])
        duration = random.time(0...(random.chance(0.2) ? 2 : 120))
        for _ in 0..<random.pick([0, 0, 0, 1, 2, 3, 6]) {
            actions.append(
                PlannedAction(
                    after: random.time(0...40), isCallers: random.chance(0.5),
                    action: random.pick(Action.allCases)))
        }
    }

    /// Goes to the ITSP by its name, and whoever gets it says so: what comes of it hangs on nothing but who is alive.
    mutating func goByName() {
        target = isFromInside ? .name : .address
        sendsTrying = true
        isFirstFull = false
        if final == .silent { final = .answer }
    }

    private static func final(_ random: inout SeededRandom) -> Final {
        switch random.number(0...19) {
        case 0...12: .answer
        case 13...16: .refuse(random.pick([302, 404, 408, 480, 486, 488, 500, 503, 603]))
        case 17: .never
        case 18: .trying
        default: .silent
        }
    }
}

/// What has become of one call, as its ends saw it.
final class CallRecord {
    let script: CallScript
    /// The status that the caller got; 0 when it gave up waiting.
    var final: Int?
    var started: Instant?
    var finished: Instant?
    var cancelled: Instant?
    var answered: Instant?
    var arrived: Instant?
    /// When both ends had left.
    private(set) var ended: Instant?
    private(set) var callerOver: String?
    private(set) var calleeOver: String?
    var callerConfirmed = false
    var calleeConfirmed = false
    var acknowledged = 0
    /// 2xx of which no ACK came.
    var silences = 0
    /// The nodes that have had the call's INVITE, in order.
    var takenBy: [String] = []
    var packetsToCaller = 0
    var packetsToCallee = 0
    private(set) var endedByEdge: Instant?

    init(_ script: CallScript) { self.script = script }

    func over(isCaller: Bool, _ how: String, at now: Instant) {
        ended = now
        if isCaller { callerOver = callerOver ?? how } else { calleeOver = calleeOver ?? how }
    }

    func note(bye: SIPText, isCaller: Bool, at now: Instant) {
        if bye.vias.count == 1, bye["reason"]?.hasPrefix("SIP;text=") == true { endedByEdge = endedByEdge ?? now }
    }
}

// MARK: What must have become of it

extension CallRecord {
    /// What is wrong with a call that was answered before the edge restarted, and whose ends hang up by themselves.
    func faultsAfterRestart(at restart: Instant) -> [String] {
        guard let answered, answered + .seconds(2) < restart, acknowledged > 0, script.ending != .nobody,
            callerConfirmed, calleeConfirmed, script.forks == 1
        else { return [] }
        var faults: [String] = []
        if callerOver == nil { faults.append("the caller's dialog is still there after a restart") }
        if calleeOver == nil { faults.append("the callee's dialog is still there after a restart") }
        return faults
    }

    /// What is wrong with a call to a name of which one target is always alive. What is in flight when a host dies may
    /// fail.
    func faultsOfFailover(hasDeath: (Instant, Instant) -> Bool) -> [String] {
        guard let started, let finished, !hasDeath(started, finished) else { return [] }
        if !hasDeath(started, ended ?? .distantFuture) { return faults(isPerfect: true) + delayFaults }
        return expected.contains(final ?? 0) ? delayFaults : ["the caller got \(final ?? 0), not \(expected.sorted())"]
    }

    /// A dead target costs 4 s once.
    private var delayFaults: [String] {
        guard let started, let answered, answered > started + script.finalAfter + .seconds(5) else { return [] }
        return ["the answer took \((answered - started).seconds) s"]
    }

    /// What is wrong with a call over a network that always gets a message through in the end.
    func faults(isPerfect: Bool) -> [String] {
        guard started != nil else { return [] }
        guard let final else { return ["the caller has no final response"] }
        var faults: [String] = []
        if !expected.contains(final) { faults.append("the caller got \(final), not \(expected.sorted())") }
        if callerConfirmed != calleeConfirmed, final == 200, cancelled == nil {
            faults.append("caller confirmed: \(callerConfirmed), callee confirmed: \(calleeConfirmed)")
        }
        if callerConfirmed, callerOver == nil { faults.append("the caller's dialog is still there") }
        if calleeConfirmed, calleeOver == nil { faults.append("the callee's dialog is still there") }
        // After a timeout of ours a late answer finds nobody (RFC 6026 §7.2).
        // Nor does that of a host which another has taken over from by then.
        if silences > 0, final == 200, !calleeConfirmed { faults.append("\(silences) 2xx were never acknowledged") }
        if isPerfect { faults += mediaFaults }
        return faults
    }

    /// The statuses that such a network may bring to the caller.
    private var expected: Set<Int> {
        let own = uncancelled
        guard cancelled != nil else { return own }
        // A CANCEL may cross the answer; a callee may overlook it.
        if script.final == .silent { return [487, 408] }
        if script.isChallenged { return own.union([487, 407, 0]) }
        // Where it does, the caller has waited 64*T1 a moment before the edge has (§9.1).
        return own.union(script.obeysCANCEL ? [487] : [487, 0])
    }

    private var uncancelled: Set<Int> {
        // A node that says nothing for 4 s, or 503, is left for one that wants other credentials.
        let first = script.sendsTrying ? .zero : script.rings.map(\.after).min() ?? script.finalAfter
        let isLeft = first > .milliseconds(3500) || script.final == .refuse(503)
        return script.isChallenged && isLeft ? byScript.union([407]) : byScript
    }

    private var byScript: Set<Int> {
        switch script.final {
        case .silent: [408]
        case .trying: [487]
        case .never: isSilent ? [408] : [487]
        case .answer: inTime(200)
        // A 503 is about the next hop, not about us (§16.7 step 6); the next one may be dead, which is as good as a 408.
        case .refuse(503): inTime(500).union([408])
        case .refuse(let status): inTime(status)
        }
    }

    /// Whether the callee gives no sign of life before its final response.
    private var isSilent: Bool { script.rings.isEmpty && !script.sendsTrying }

    /// The status, unless timer B or timer C runs out before it comes.
    private func inTime(_ status: Int) -> Set<Int> {
        if isSilent {
            // A silent target is left after 4 s where there is another.
            return script.finalAfter < .seconds(27)
                ? [status] : script.finalAfter > .seconds(37) ? [408] : [status, 408]
        }
        let last = script.rings.map(\.after).max() ?? .zero
        return script.finalAfter < last + .seconds(170) ? [status] : [status, 487, 408]
    }

    private var mediaFaults: [String] {
        guard callerConfirmed, calleeConfirmed, !script.isMute, script.actions.isEmpty, cancelled == nil,
            script.forks == 1, Set(takenBy).count == 1, script.duration > .seconds(30)
        else { return [] }
        var faults: [String] = []
        if packetsToCaller == 0 { faults.append("no audio reaches the caller") }
        if packetsToCallee == 0 { faults.append("no audio reaches the callee") }
        if let endedByEdge, script.ending != .nobody, let answered {
            faults.append("the edge ended the call \((endedByEdge - answered).seconds) s after the answer")
        }
        return faults
    }
}
