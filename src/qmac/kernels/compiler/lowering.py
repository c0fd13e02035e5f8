"""How kernels become machine code: as Numba's functions do, without what they never need.

Numba copies a whole bundle, hundreds of numbers, to read a member, to name it anew in a helper that
is spliced in, and to count the references of what a variable held. LLVM takes all of that off
again, which was a fifth of the time of compiling. Here a name that stands for an argument, or for
a member of one, is an address; and nothing is counted in functions that make no array. The machine
code is the same.

A helper never runs by itself: it is linked into its callers, which are optimised with it, and has
no machine code. Passes that look for what no kernel has are left out.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import llvmlite.binding
from llvmlite.ir import IntType
from numba.core import ir, typed_passes, types, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import (
    CompilerBase,
    DefaultPassBuilder,
    compile_result,
)
from numba.core.compiler_machinery import register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import BaseNativeLowering, NativeLowering

I32 = IntType(32)
NEEDLESS = (
    untyped_passes.WithLifting,
    untyped_passes.InlineClosureLikes,
    untyped_passes.RewriteDynamicRaises,
    untyped_passes.MakeFunctionToJitFunction,
    untyped_passes.FindLiterallyCalls,
    untyped_passes.LiteralUnroll,
    untyped_passes.LiteralPropagationSubPipelinePass,
    typed_passes.InlineOverloads,
    typed_passes.NopythonRewrites,
    typed_passes.DumpParforDiagnostics,
)
"""Passes for ``with``, closures, errors with values, literal types and expressions of whole arrays.
Each looked through every function anew, for a twentieth of the time of compiling."""


class Place(NamedTuple):
    """Where a name of a function lies."""

    argument: str
    """Variable of the argument."""
    path: tuple[int, ...]
    """Member of it, member of that, and so on."""


class _Wrappers(NamedTuple):
    """A library, as what adds Python's way into a function to it."""

    library: Any

    def add_ir_module(self, module: Any) -> None:
        """Add a module whose functions are not optimised.

        A way in unpacks a hundred arrays for a call that lasts a second: optimising that took a
        tenth of the time of compiling, and saves nothing that can be measured.

        Parameters
        ----------
        module : llvmlite.ir.Module
            A way in.
        """
        for function in module.functions:
            if not function.is_declaration:
                function.attributes.add("optnone")
                function.attributes.add("noinline")
        self.library.add_ir_module(module)


class KernelLower(Lower):  # type: ignore[misc]
    """Lowers a kernel or a helper; places are those of a function without counted references."""

    def init(self) -> None:
        """Find the names that stand for arguments and their members."""
        super().init()
        self._places: dict[str, Place] = {}
        self._is_counting = self.flags.nrt
        if self._is_counting or self._disable_sroa_like_opt:  # a debugger looks for each variable
            return
        blocks = [self.func_ir.blocks[label] for label in sorted(self.func_ir.blocks)]
        assigned = [inst for block in blocks for inst in block.find_insts(ir.Assign)]
        counts = Counter(inst.target.name for inst in assigned)
        for inst in assigned:
            name = inst.target.name
            place = self._find_place(inst) if counts[name] == 1 else None
            if place is not None:
                self._places[name] = place
                self._singly_assigned_vars.discard(name)

    def _find_place(self, assignment: Any) -> Place | None:
        """Return where the value of an assignment lies, if it is of an argument."""
        name, value = assignment.target.name, assignment.value
        kind = self.typeof(name)
        if not isinstance(kind, types.BaseNamedTuple):
            return None
        if isinstance(value, ir.Arg):
            return Place(name, ()) if self.typeof(f"arg.{value.name}") == kind else None
        if isinstance(value, ir.Var):
            is_same = self.typeof(value.name) == kind
            return self._places.get(value.name) if is_same else None
        if isinstance(value, ir.Expr) and value.op == "getattr":
            return self._find_member(value, kind)
        return None

    def _find_member(self, expression: Any, kind: Any) -> Place | None:
        """Return where a member of a bundle lies, if the bundle is of an argument."""
        place = self._places.get(expression.value.name)
        if place is None:
            return None
        bundle = self.typeof(expression.value.name)
        if expression.attr not in bundle.fields:
            return None
        number = bundle.fields.index(expression.attr)
        if bundle[number] != kind:
            return None
        return Place(place.argument, (*place.path, number))

    def _load(self, place: Place) -> Any:
        pointer = self.varmap[place.argument]
        if place.path:
            indices = [I32(number) for number in (0, *place.path)]
            pointer = self.builder.gep(pointer, indices, inbounds=True)
        return self.builder.load(pointer)

    def lower_assign(self, ty: Any, inst: Any) -> Any:
        """Return the value of an assignment.

        Parameters
        ----------
        ty : numba.types.Type
            Of the variable.
        inst : numba.core.ir.Assign
            The assignment.

        Returns
        -------
        llvmlite.ir.Value or None
            None for another name of an argument or of a member.
        """
        is_argument = isinstance(inst.value, ir.Arg)
        if inst.target.name in self._places and not is_argument:
            return None
        return super().lower_assign(ty, inst)

    def lower_expr(self, resty: Any, expr: Any) -> Any:
        """Return the value of an expression.

        Parameters
        ----------
        resty : numba.types.Type
            Of the value.
        expr : numba.core.ir.Expr
            The expression.

        Returns
        -------
        llvmlite.ir.Value
            A member of an argument is read where it lies.
        """
        if expr.op == "getattr":
            place = self._find_member(expr, resty)
            if place is not None:
                return self._load(place)
        return super().lower_expr(resty, expr)

    def loadvar(self, name: str) -> Any:
        """Return the value of a variable.

        Parameters
        ----------
        name : str
            The variable.

        Returns
        -------
        llvmlite.ir.Value
            An argument, or a member of one, is read where it lies.
        """
        place = self._places.get(name)
        return super().loadvar(name) if place is None else self._load(place)

    def storevar(self, value: Any, name: str, argidx: int | None = None) -> None:
        """Store the value of a variable; what it held before is not counted.

        Parameters
        ----------
        value : llvmlite.ir.Value or None
            None for another name of an argument or of a member, which has no place of its own.
        name : str
            The variable.
        argidx : int, optional
            Number of the argument, for a debugger.
        """
        place = self._places.get(name)
        if place is not None:
            if not place.path and place.argument == name:
                self._alloca_var(name, self.typeof(name))
                self.builder.store(value, self.varmap[name])
        elif self._is_counting or name in self._singly_assigned_vars or self._disable_sroa_like_opt:
            super().storevar(value, name, argidx)
        else:
            self._alloca_var(name, self.typeof(name))
            self.builder.store(value, self.getvar(name))

    def delvar(self, name: str) -> None:
        """Count that a variable ends, in functions that count references.

        Parameters
        ----------
        name : str
            The variable.
        """
        if self._is_counting:
            super().delvar(name)

    def create_cpython_wrapper(self, release_gil: bool = False) -> None:
        """Create Python's way in, which is not optimised.

        Parameters
        ----------
        release_gil : bool
            Whether the kernel runs without the interpreter's lock.
        """
        library = _Wrappers(self.library)
        self.context.create_cpython_wrapper(
            library, self.fndesc, self.env, self.call_helper, release_gil=release_gil
        )


class HelperLibrary(JITCodeLibrary):  # type: ignore[misc]
    """The code of a helper: instructions for its callers, and no machine code.

    Optimising a helper by itself as well took a tenth of the time of compiling.
    """

    def _optimize_final_module(self) -> None:
        """Do nothing: callers are optimised."""

    def _finalize_final_module(self) -> None:
        """Add nothing to what can run."""
        self._finalize_dynamic_globals()
        self._finalized = True


class HelperFormat:
    """How a helper lies on disk, for all kernels that call it."""

    def reduce(self, result: Any) -> tuple[Any, ...]:
        """Return what is stored of a helper.

        Parameters
        ----------
        result : numba.core.compiler.CompileResult
            The helper.

        Returns
        -------
        tuple
            What ``rebuild`` takes.
        """
        library, description = result.library, result.fndesc
        description.typemap = description.calltypes = None  # as Numba stores a function
        bitcode = library._get_module_for_linking().as_bitcode()
        return library.name, bitcode, description, result.signature, result.reload_init

    def rebuild(self, target_context: Any, reduced: tuple[Any, ...]) -> Any:
        """Return a helper that was stored.

        Parameters
        ----------
        target_context : numba.core.base.BaseContext
            What compiles its callers.
        reduced : tuple
            What ``reduce`` returned.

        Returns
        -------
        numba.core.compiler.CompileResult
            The helper.
        """
        name, bitcode, description, signature, reload_init = reduced
        for prepare in reload_init:
            prepare()
        library = HelperLibrary(target_context.codegen(), name)
        library._final_module = llvmlite.binding.parse_bitcode(bitcode)
        library._finalize_final_module()
        return compile_result(
            typing_context=target_context.typing_context,
            target_context=target_context,
            entry_point=name_helper(description),
            library=library,
            signature=signature,
            objectmode=False,
            lifted=(),
            fndesc=description,
            reload_init=reload_init,
        )


def name_helper(description: Any) -> Any:
    """Return what stands for a helper where there would be its machine code.

    Parameters
    ----------
    description : numba.core.funcdesc.FunctionDescriptor
        Names and types of the helper.

    Returns
    -------
    builtin_function_or_method
        Equal to no other; Numba takes nothing but a function of C's.
    """
    return [description.unique_name].copy


@register_pass(mutates_CFG=True, analysis_only=False)
class KernelLowering(BaseNativeLowering):  # type: ignore[misc]
    """The last pass of a kernel or a helper."""

    _name: Any = "kernel_lowering"

    @property
    def lowering_class(self) -> type[KernelLower]:
        """What lowers."""
        return KernelLower

    def run_pass(self, state: Any) -> bool:
        """Lower a function; a helper is only made known to its callers.

        Parameters
        ----------
        state : numba.core.compiler.StateDict
            Of the compiler.

        Returns
        -------
        bool
            That the state has changed.
        """
        if not state.flags.no_cpython_wrapper:
            return bool(super().run_pass(state))
        state.library = HelperLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        entry = name_helper(lowered.fndesc)
        state.targetctx.insert_user_function(entry, lowered.fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=entry)
        return True


class KernelCompiler(CompilerBase):  # type: ignore[misc]
    """Numba's compiler with another last pass, and without passes that find nothing."""

    def define_pipelines(self) -> list[Any]:
        """Return the passes.

        Returns
        -------
        list of numba.core.compiler_machinery.PassManager
            One, with the lowering of kernels.
        """
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        manager.passes = [
            (KernelLowering if kind is NativeLowering else kind, description)
            for kind, description in manager.passes
            if kind not in NEEDLESS
        ]
        manager.finalize()
        return [manager]

    def _compile_core(self) -> Any:
        """Return what is compiled; what Numba knows is looked for once, and not for each array.

        It took a twentieth of the time of compiling.
        """
        context = self.state.targetctx  # it looked for all when this compiler was made
        if "load_additional_registries" in vars(context):  # a helper, within a kernel
            return super()._compile_core()
        context.load_additional_registries = lambda: None
        try:
            return super()._compile_core()
        finally:
            del context.load_additional_registries
